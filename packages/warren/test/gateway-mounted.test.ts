import cookie from "@fastify/cookie";
import helmet from "@fastify/helmet";
import { type FastifyInstance, fastify } from "fastify";
import { afterEach, describe, expect, test } from "vitest";
import { embedded } from "../src/embedded/index.ts";
import { gateway, httpServer, principalOf, sendFault } from "../src/gateway/index.ts";
import { type App, app, silent } from "../src/index.ts";
import { auth, nowhere, probe, probeService, token } from "./gateway-world.ts";

const open: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close();
});

async function started(): Promise<App> {
  const shop = app({ transport: embedded(), services: [probeService()], contracts: [nowhere], log: silent });
  open.push(() => shop.stop({ drainMs: 0 }));
  await shop.start();
  return shop;
}

function host(): FastifyInstance {
  const server = fastify();
  open.push(() => server.close());
  return server;
}

describe("mounted in an app that was there before", () => {
  test("its routes are the gateway's, and the others stay as they were", async () => {
    const server = host();
    server.get("/old", async () => ({ hello: "there" }));
    server.post("/old", async (request) => ({ got: request.body }));
    server.get("/broken", async () => {
      throw new Error("as before");
    });
    await server.register(gateway(await started(), { auth, prefix: "/api" }));

    expect((await server.inject("/api/value/zero")).json()).toBe(0);
    const old = await server.inject("/old");
    expect([old.json(), old.headers["x-request-id"], old.headers["content-security-policy"]]).toEqual([
      { hello: "there" },
      undefined,
      undefined,
    ]);
    expect((await server.inject("/broken")).json()).toEqual({
      statusCode: 500,
      error: "Internal Server Error",
      message: "as before",
    });
    expect((await server.inject("/unknown")).json()).toMatchObject({
      message: "Route GET:/unknown not found",
    });
    expect(
      (
        await server.inject({
          method: "POST",
          url: "/old",
          headers: { "content-type": "text/plain" },
          payload: "text",
        })
      ).json(),
    ).toEqual({ got: "text" });
    expect((await server.inject("/api/unknown")).json()).toMatchObject({ code: "UNKNOWN_ROUTE" });
    expect((await server.inject({ method: "POST", url: "/api/who" })).headers.allow).toBe("GET, HEAD");
  });

  test("without a prefix it leaves unknown paths to the app", async () => {
    const server = host();
    server.setNotFoundHandler(async () => "the app's own answer");
    await server.register(gateway(await started(), { auth }));
    expect((await server.inject("/unknown")).body).toBe("the app's own answer");
    expect((await server.inject("/fails")).json()).toMatchObject({ code: "INTERNAL" });
  });

  test("an app that has cookies and helmet already keeps its own", async () => {
    const server = host();
    await server.register(cookie);
    await server.register(helmet, {
      contentSecurityPolicy: { useDefaults: false, directives: { "default-src": ["'self'"] } },
    });
    await server.register(gateway(await started(), { auth }));
    const answer = await server.inject("/value/zero");
    expect([answer.json(), answer.headers["content-security-policy"]]).toEqual([0, "default-src 'self'"]);
  });

  test("two gateways of two apps live in one server", async () => {
    const server = host();
    await server.register(gateway(await started(), { auth, prefix: "/one" }));
    await server.register(
      gateway(await started(), { auth: { secret: "another secret of more than 32 bytes" }, prefix: "/two" }),
    );
    const authorization = `Bearer ${await token()}`;
    expect((await server.inject({ url: "/one/who", headers: { authorization } })).body).toBe('"ann"');
    expect((await server.inject({ url: "/two/who", headers: { authorization } })).statusCode).toBe(401);
  });
});

describe("a route written by hand", () => {
  const delegating = (server: FastifyInstance, shop: App): void => {
    const [mine, theirs] = [shop.client(probe), shop.client(nowhere)];
    // Which service answers is decided when the request is there.
    server.get<{ Querystring: { to?: string; quantity?: string } }>("/choose", async (request, reply) => {
      try {
        const principal = await principalOf(request);
        const options = principal === undefined ? {} : { principal };
        if (request.query.to === "nowhere") return await theirs.get(undefined, options);
        if (request.query.to === "shop")
          return await mine.order({ shop: "x", quantity: Number(request.query.quantity) }, options);
        if (request.query.to === "admin") return await mine.admin(undefined, options);
        return { subject: await mine.who(undefined, options) };
      } catch (error) {
        return sendFault(reply, error);
      }
    });
  };

  test("delegates as it likes, knows who calls, and answers faults alike", async () => {
    const server = host();
    const shop = await started();
    await server.register(gateway(shop, { auth, prefix: "/api" }));
    delegating(server, shop);
    const get = async (url: string, headers = {}) =>
      (await server.inject({ url, headers })).json() as unknown;
    expect(await get("/choose", { authorization: `Bearer ${await token()}` })).toEqual({ subject: "ann" });
    expect(await get("/choose", { authorization: "Bearer x" })).toMatchObject({
      status: 401,
      code: "UNAUTHENTICATED",
    });
    expect(await get("/choose?to=nowhere")).toMatchObject({ status: 503, code: "UNAVAILABLE" });
    expect(await get("/choose?to=shop&quantity=11")).toMatchObject({
      status: 409,
      code: "OUT_OF_STOCK",
      data: { left: 10 },
    });
    expect(await get("/choose?to=shop&quantity=x")).toMatchObject({ status: 422, code: "INVALID_INPUT" });
  });

  test("says which scope is missing, where it was the service that missed it", async () => {
    const server = host();
    const shop = await started();
    await server.register(gateway(shop, { auth, prefix: "/api" }));
    delegating(server, shop);
    const authorization = `Bearer ${await token({ scope: "admin" })}`;
    const refused = await server.inject({ url: "/choose?to=admin", headers: { authorization } });
    expect(refused.json()).toMatchObject({ status: 403, code: "FORBIDDEN" });
    expect(refused.headers["www-authenticate"]).toBe('Bearer error="insufficient_scope", scope="delete"');
  });

  test("on a server of ours may simply throw", async () => {
    const shop = await started();
    const server = await httpServer(shop, { auth });
    open.push(() => server.close());
    server.get("/throws", async () => {
      throw new Error("secret detail");
    });
    server.get("/calls", () => shop.client(probe).order({ shop: "x", quantity: 11 }));
    const thrown = await server.inject("/throws");
    expect(thrown.json()).toMatchObject({ status: 500, code: "INTERNAL" });
    expect(thrown.body).not.toContain("secret detail");
    expect((await server.inject("/calls")).json()).toMatchObject({ status: 409, code: "OUT_OF_STOCK" });
  });

  test("where no gateway is, is told so", async () => {
    const server = host();
    server.get("/", (_request, reply) => sendFault(reply, new Error("x")));
    expect((await server.inject("/")).json()).toMatchObject({
      message: expect.stringContaining("No gateway is registered") as string,
    });
  });
});
