import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { embedded, embeddedBroker } from "../src/embedded/index.ts";
import { httpServer } from "../src/gateway/index.ts";
import { app, contract, rateLimit, rpc, service, silent } from "../src/index.ts";
import { auth, gate, nowhere, probe, probeService, type World, world, worldOf } from "./gateway-world.ts";

describe("what a method returns", () => {
  let edge: World;
  let url: string;
  beforeAll(async () => {
    edge = await world();
    url = await edge.listen();
  });
  afterAll(() => edge[Symbol.asyncDispose]());

  test.each([
    ["null", "null"],
    ["zero", "0"],
    ["empty", '""'],
    ["false", "false"],
    ["list", "[1]"],
  ])("§1.3 row 5: %s arrives as JSON", async (kind, text) => {
    const answer = await fetch(`${url}/value/${kind}`);
    expect([answer.status, answer.headers.get("content-type"), await answer.text()]).toEqual([
      200,
      "application/json; charset=utf-8",
      text,
    ]);
  });

  test("§1.3 row 5: nothing arrives as 204 without a body", async () => {
    for (const answer of [
      await fetch(`${url}/value/undefined`),
      await fetch(`${url}/nothing`, { method: "POST" }),
    ])
      expect([answer.status, await answer.text()]).toEqual([204, ""]);
  });

  test("a request without a body is fine, whatever its content type", async () => {
    for (const type of ["application/json", "text/plain", "application/x-www-form-urlencoded"])
      expect(
        (await fetch(`${url}/nothing`, { method: "POST", headers: { "content-type": type } })).status,
      ).toBe(204);
  });

  test("§1.3 row 8: an answer that looks like an instruction is data", async () => {
    for (const body of [
      '{"server":{"action":"shutdown","meta":{"userId":1}}}',
      '{"server":null}',
      '{"statusCode":500,"headers":{"x-evil":"1"},"response":"x"}',
    ]) {
      const answer = await fetch(`${url}/echo`, {
        method: "POST",
        body,
        headers: { "content-type": "application/json" },
      });
      expect([answer.status, await answer.text(), answer.headers.get("x-evil")]).toEqual([200, body, null]);
    }
  });

  test("path wins over query, and query over body; text becomes what the schema asks for", async () => {
    const order = (path: string, body: object): Promise<Response> =>
      fetch(url + path, {
        method: "POST",
        body: JSON.stringify(body),
        headers: { "content-type": "application/json" },
      });
    const answer = await order("/shops/x/orders?shop=y&quantity=2&gift=true&tags=a&limit=1.5", {
      shop: "z",
      quantity: 9,
      tags: ["b"],
    });
    expect(await answer.json()).toEqual({ shop: "x", quantity: 2, gift: true, tags: ["a"], limit: 1.5 });
    const many = await order("/shops/12/orders?tags=1&tags=2", { quantity: 1 });
    expect(await many.json()).toEqual({ shop: "12", quantity: 1, tags: ["1", "2"] });
  });

  test("§1.3 row 1: a form is as good as JSON", async () => {
    const answer = await fetch(`${url}/shops/x/orders`, {
      method: "POST",
      body: new URLSearchParams({ quantity: "3", gift: "false" }),
    });
    expect(await answer.json()).toEqual({ shop: "x", quantity: 3, gift: false });
  });

  test("declared faults come with their own status and data, 422 by default", async () => {
    const order = (quantity: number): Promise<Response> =>
      fetch(`${url}/shops/x/orders?quantity=${quantity}`, { method: "POST" });
    const sold = await order(11);
    expect([sold.status, await sold.json()]).toMatchObject([
      409,
      { code: "OUT_OF_STOCK", title: "Out of stock", data: { left: 10 } },
    ]);
    const dear = await order(2_000);
    expect([dear.status, await dear.json()]).toMatchObject([
      422,
      { code: "TOO_DEAR", data: { cents: 2_000 } },
    ]);
  });

  test("a request id that is sane is kept, another is replaced", async () => {
    const idFor = async (id: string): Promise<string | null> =>
      (await fetch(`${url}/who`, { headers: { "x-request-id": id } })).headers.get("x-request-id");
    expect(await idFor("abc-1.2")).toBe("abc-1.2");
    for (const bad of ["x".repeat(200), "a b", '"><script>'])
      expect(await idFor(bad)).toMatch(/^[a-z0-9]{16}$/);
  });

  test("HEAD is answered like GET without the body", async () => {
    const answer = await fetch(`${url}/value/list`, { method: "HEAD" });
    expect([answer.status, answer.headers.get("content-length"), await answer.text()]).toEqual([
      200,
      "3",
      "",
    ]);
  });

  test("security headers are set, and nothing is allowed across origins by default", async () => {
    const { headers } = await fetch(`${url}/who`, { headers: { origin: "https://evil.test" } });
    expect(headers.get("x-content-type-options")).toBe("nosniff");
    expect(headers.get("content-security-policy")).toBe("default-src 'none';frame-ancestors 'none'");
    expect(headers.get("x-powered-by")).toBeNull();
    expect(headers.get("access-control-allow-origin")).toBeNull();
  });
});

describe("limits", () => {
  test("beyond maxInFlight a request is a 503, and room is made again", async () => {
    const door = gate();
    await using edge = await world({ auth, maxInFlight: 1 }, { services: [probeService(door)] });
    const first = edge.server.inject("/waits");
    await door.arrived;
    const second = await edge.server.inject("/who");
    expect([second.statusCode, second.json(), second.headers["retry-after"]]).toMatchObject([
      503,
      { code: "OVERLOADED" },
      "1",
    ]);
    door.open();
    expect((await first).body).toBe('"done"');
    expect((await edge.server.inject("/who")).statusCode).toBe(200);
  });

  test("beyond the rate limit a request is a 429 that says how long to wait", async () => {
    await using edge = await world({ auth, rateLimit: { max: 2, windowMs: 60_000 } });
    const statuses = [];
    for (let i = 0; i < 3; i++) statuses.push((await edge.server.inject("/who")).statusCode);
    expect(statuses).toEqual([200, 200, 429]);
    const refused = await edge.server.inject("/who");
    expect(refused.json()).toMatchObject({ status: 429, code: "TOO_MANY_REQUESTS" });
    expect(Number(refused.headers["retry-after"])).toBeGreaterThan(0);
    expect((await edge.server.inject("/unknown")).statusCode).toBe(404);
  });

  test("a fault that knows when to come again says so in whole seconds", async () => {
    await using edge = await world({ auth }, { outgoing: [rateLimit({ perSecond: 0.4, burst: 1 })] });
    expect((await edge.server.inject("/who")).statusCode).toBe(200);
    const refused = await edge.server.inject("/who");
    expect([refused.statusCode, refused.json().code, refused.headers["retry-after"]]).toEqual([
      503,
      "OVERLOADED",
      "3",
    ]);
  });

  test("a client that hangs up frees its place", async () => {
    const door = gate();
    await using edge = await world({ auth, maxInFlight: 1 }, { services: [probeService(door)] });
    const url = await edge.listen();
    const controller = new AbortController();
    const first = fetch(`${url}/waits`, { signal: controller.signal }).catch((error: Error) => error.name);
    await door.arrived;
    controller.abort();
    expect(await first).toBe("AbortError");
    await expect.poll(async () => (await fetch(`${url}/who`)).status).toBe(200);
    door.open();
  });

  test("cors names exactly the origins that were listed", async () => {
    await using edge = await world({ auth, cors: ["https://shop.test"] });
    const allowed = async (origin: string): Promise<unknown> =>
      (await edge.server.inject({ url: "/who", headers: { origin } })).headers["access-control-allow-origin"];
    expect(await allowed("https://shop.test")).toBe("https://shop.test");
    expect(await allowed("https://evil.test")).toBeUndefined();
    const preflight = await edge.server.inject({
      method: "OPTIONS",
      url: "/who",
      headers: { origin: "https://shop.test", "access-control-request-method": "GET" },
    });
    expect([preflight.statusCode, preflight.headers["access-control-allow-origin"]]).toEqual([
      204,
      "https://shop.test",
    ]);
  });
});

describe("a gateway among others", () => {
  test("§1.3 row 7: two gateways in one process get each their own answers", async () => {
    const broker = embeddedBroker();
    await using back = app({ transport: embedded({ broker }), services: [probeService()], log: silent });
    await using one = app({ transport: embedded({ broker }), contracts: [probe], log: silent });
    await using two = app({ transport: embedded({ broker }), contracts: [probe], log: silent });
    await Promise.all([back.start(), one.start(), two.start()]);
    const servers = [await httpServer(one, { auth }), await httpServer(two, { auth })];
    const ask = async (index: number): Promise<unknown> => {
      const answer = await servers[index % 2]!.inject({ method: "POST", url: "/echo", payload: { index } });
      return (answer.json() as { index: number }).index;
    };
    const numbers = Array.from({ length: 200 }, (_, index) => index);
    expect(await Promise.all(numbers.map(ask))).toEqual(numbers);
    await Promise.all(servers.map((server) => server.close()));
  });

  test("§1.3 row 4: a method that the running service does not have yet is a 501 at once", async () => {
    const broker = embeddedBroker();
    const older = contract("shop", { methods: { old: rpc({ http: "GET /old", output: z.string() }) } });
    const newer = contract("shop", { methods: { fresh: rpc({ http: "GET /fresh", output: z.string() }) } });
    const services = [service(older, { methods: { old: () => "still works" } })];
    await using back = app({ transport: embedded({ broker }), services, log: silent });
    await using front = app({ transport: embedded({ broker }), contracts: [newer], log: silent });
    await Promise.all([back.start(), front.start()]);
    const server = await httpServer(front);
    const answer = await server.inject("/fresh");
    expect([answer.statusCode, answer.json()]).toMatchObject([501, { code: "UNKNOWN_METHOD" }]);
    expect(await back.client(older).old()).toBe("still works");
    await server.close();
  });

  test("closing finishes what is under way and does not keep the connection", async () => {
    const door = gate();
    await using edge = await world({ auth }, { services: [probeService(door)] });
    const url = await edge.listen();
    const running = fetch(`${url}/waits`);
    await door.arrived;
    const closed = edge.server.close();
    door.open();
    const answer = await running;
    expect([answer.status, await answer.json(), answer.headers.get("connection")]).toEqual([
      200,
      "done",
      "close",
    ]);
    await closed;
    await expect(fetch(url)).rejects.toThrow();
  });
});

describe("routes that cannot be", () => {
  const oneMethod = (name: string, http: `GET /${string}`) =>
    contract(name, { methods: { get: rpc({ http, input: z.object({ id: z.string() }) }) } });
  const started = (...contracts: ReturnType<typeof oneMethod>[]) =>
    httpServer(app({ transport: embedded(), contracts, log: silent }));

  test("two methods with the same route are refused, both named", async () => {
    await expect(started(oneMethod("a", "GET /x/:id"), oneMethod("b", "GET /x/:id"))).rejects.toThrow(
      /a\.get and b\.get have the same route/,
    );
  });

  test("a path parameter that the input does not have is refused", async () => {
    await expect(started(oneMethod("a", "GET /x/:other"))).rejects.toThrow(
      /a\.get has the route "GET \/x\/:other": the input has no field "other"/,
    );
  });

  test("a wildcard is refused", async () => {
    await expect(started(oneMethod("a", "GET /x/*"))).rejects.toThrow(/a path is made of/);
  });

  test("access without any way to know callers is refused", async () => {
    await expect(world({}, { contracts: [nowhere] })).rejects.toThrow(/probe\.mine is not for anyone/);
  });
});

test("an input that is an array is the whole body", async () => {
  const batch = contract("batch", {
    methods: { sum: rpc({ http: "POST /sum", input: z.array(z.number()), output: z.number() }) },
  });
  await using edge = await worldOf(
    service(batch, { methods: { sum: (numbers) => numbers.reduce((a, b) => a + b, 0) } }),
  );
  expect((await edge.server.inject({ method: "POST", url: "/sum", payload: [1, 2, 3] })).json()).toBe(6);
  expect((await edge.server.inject({ method: "POST", url: "/sum", payload: { a: 1 } })).statusCode).toBe(422);
});
