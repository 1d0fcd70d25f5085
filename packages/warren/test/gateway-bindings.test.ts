import type { LightMyRequestResponse } from "fastify";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import type { SessionOptions } from "../src/gateway/index.ts";
import { contract, rpc, service } from "../src/index.ts";
import { secret, type World, worldOf } from "./gateway-world.ts";

const text = z.string();
const shop = contract("shop", {
  methods: {
    conditional: rpc({
      http: { route: "GET /conditional", headers: { ifMatch: "If-Match" }, cookies: { cart: "cart" } },
      input: z.object({ ifMatch: z.string().optional(), cart: z.number().optional() }),
      output: z.unknown(),
    }),
    add: rpc({
      http: {
        route: "POST /items",
        invalidStatus: 400,
        reply: {
          status: "{status}",
          headers: { location: "/items/{name}/x", etag: "{tag}", "x-name": "by {name}", link: "{gone}" },
          body: "item",
        },
      },
      input: z.object({ name: text, status: z.number().optional(), tag: text.optional() }),
      output: z.object({
        status: z.number(),
        name: text,
        tag: text.optional(),
        item: z.object({ name: text }),
      }),
    }),
    away: rpc({
      http: { route: "GET /away", reply: { status: 303, headers: { location: "{url}" }, body: "none" } },
      output: z.object({ url: text }),
    }),
    page: rpc({
      http: {
        route: "GET /page",
        reply: { headers: { "content-type": "text/html; charset=utf-8" }, body: "html" },
      },
      output: z.object({ html: text }),
    }),
    cookies: rpc({
      http: {
        route: "POST /cookies",
        reply: {
          cookies: {
            a: "{a}",
            b: { value: "v-{b}", maxAgeSeconds: 60, httpOnly: false, sameSite: "strict", path: "/x" },
          },
          status: 204,
        },
      },
      input: z.object({ a: z.string().nullish(), b: z.string().nullish() }),
      output: z.object({ a: z.string().nullish(), b: z.string().nullish() }),
    }),
    login: rpc({
      http: { route: "POST /login", reply: { session: "session", body: "ok" } },
      input: z.object({ user: text }),
      output: z.object({ ok: z.boolean(), session: z.unknown() }),
    }),
    logout: rpc({
      http: { route: "POST /logout", reply: { session: "session", status: 204 } },
      output: z.object({ session: z.null() }),
    }),
    me: rpc({
      http: { route: "POST /me", session: "session" },
      input: z.object({ session: z.object({ user: text }).optional() }),
      output: z.string().nullable(),
    }),
  },
});
const shopService = service(shop, {
  methods: {
    conditional: (input) => input,
    add: ({ name, tag, status = 201 }) => ({
      status,
      name,
      item: { name },
      ...(tag === undefined ? {} : { tag }),
    }),
    away: () => ({ url: "https://elsewhere.test/a?b=c" }),
    page: () => ({ html: "<p>hello</p>" }),
    cookies: (input) => input,
    login: ({ user }) => ({ ok: true, session: { user } }),
    logout: () => ({ session: null }),
    me: ({ session }) => session?.user ?? null,
  },
});
const open = (session: Partial<SessionOptions> = {}): Promise<World> =>
  worldOf(shopService, { session: { secrets: [secret], ...session } });

describe("what comes in", () => {
  test("headers and cookies are fields of the input, and come from there alone", async () => {
    await using edge = await open();
    const answer = await edge.server.inject({
      url: "/conditional?ifMatch=query&cart=9",
      headers: { "if-match": '"v1"', cookie: "cart=7" },
    });
    expect(answer.json()).toEqual({ ifMatch: '"v1"', cart: 7 });
    expect((await edge.server.inject("/conditional?ifMatch=query&cart=9")).json()).toEqual({});
  });

  test("an input that does not fit has the status the binding wants", async () => {
    await using edge = await open();
    const answer = await edge.server.inject({ method: "POST", url: "/items", payload: {} });
    expect([answer.statusCode, answer.json()]).toMatchObject([
      400,
      { status: 400, code: "INVALID_INPUT", issues: [{ path: "name" }] },
    ]);
  });
});

describe("what goes out", () => {
  const add = async (payload: object): Promise<LightMyRequestResponse> => {
    await using edge = await open();
    return await edge.server.inject({ method: "POST", url: "/items", payload });
  };

  test("§1.3 row 9: status, headers and body are filled from the output; a header without a value is left out", async () => {
    const { statusCode, headers, body } = await add({ name: "lamp", tag: '"v1"' });
    expect([statusCode, headers.location, headers.etag, headers["x-name"], headers.link]).toEqual([
      201,
      "/items/lamp/x",
      '"v1"',
      "by lamp",
      undefined,
    ]);
    expect(body).toBe('{"name":"lamp"}');
    expect((await add({ name: "lamp" })).headers.etag).toBeUndefined();
  });

  test("line breaks cannot start a header of their own, nor can a field leave its piece of a path", async () => {
    const { headers } = await add({ name: "a/../b?c\r\nset-cookie: evil=1", tag: "x\r\ny: zü" });
    expect(headers.location).toBe("/items/a%2F..%2Fb%3Fc%0D%0Aset-cookie%3A%20evil%3D1/x");
    expect(headers["x-name"]).toBe("by a/../b?c%0D%0Aset-cookie: evil=1");
    expect(headers.etag).toBe("x%0D%0Ay: z%C3%BC");
    expect(headers["set-cookie"]).toBeUndefined();
  });

  test("a status that is none is an internal error", async () => {
    for (const status of [42, 1_000, 200.5])
      expect((await add({ name: "x", status })).json()).toMatchObject({ status: 500, code: "INTERNAL" });
  });

  test("a whole address is taken as it is", async () => {
    await using edge = await open();
    const { statusCode, headers, body } = await edge.server.inject("/away");
    expect([statusCode, headers.location, body]).toEqual([303, "https://elsewhere.test/a?b=c", ""]);
  });

  test("text of another declared type is sent as it is", async () => {
    await using edge = await open();
    const { headers, body } = await edge.server.inject("/page");
    expect([headers["content-type"], body]).toEqual(["text/html; charset=utf-8", "<p>hello</p>"]);
  });

  test("cookies are set, cleared by null, and left alone by undefined", async () => {
    await using edge = await open();
    const cookies = async (payload: object): Promise<unknown> =>
      (await edge.server.inject({ method: "POST", url: "/cookies", payload })).headers["set-cookie"];
    expect(await cookies({ a: "1;\r\n evil", b: "2" })).toEqual([
      "a=1%3B%0D%0A%20evil; Path=/; HttpOnly; SameSite=Lax",
      "b=v-2; Max-Age=60; Path=/x; SameSite=Strict",
    ]);
    expect(await cookies({ a: null })).toMatch(/^a=; .*Expires=Thu, 01 Jan 1970/);
    expect(await cookies({})).toBeUndefined();
  });
});

describe("the session", () => {
  const login = async (edge: World): Promise<string> => {
    const answer = await edge.server.inject({ method: "POST", url: "/login", payload: { user: "ann" } });
    expect(answer.body).toBe("true");
    return String(answer.headers["set-cookie"]);
  };
  const me = async (edge: World, cookie: string, payload: object = {}): Promise<unknown> =>
    (await edge.server.inject({ method: "POST", url: "/me", headers: { cookie }, payload })).json();
  const pair = (cookie: string): string => cookie.split(";", 1)[0]!;

  test("is set, read and ended by methods", async () => {
    await using edge = await open();
    const cookie = await login(edge);
    expect(cookie).toMatch(/; Max-Age=604800; Path=\/; HttpOnly; SameSite=Lax$/);
    expect(await me(edge, pair(cookie))).toBe("ann");
    const ended = await edge.server.inject({ method: "POST", url: "/logout" });
    expect(ended.headers["set-cookie"]).toMatch(/^session=; .*Expires=Thu, 01 Jan 1970/);
  });

  test("cannot be claimed in the body or the query", async () => {
    await using edge = await open();
    expect(await me(edge, "", { session: { user: "ann" } })).toBeNull();
  });

  test("that was tampered with, signed by another, or is another cookie, is none", async () => {
    await using edge = await open();
    await using other = await open({ secrets: ["another secret of more than 32 bytes"] });
    await using renamed = await open({ name: "basket" });
    const [payload = "", signature = ""] = pair(await login(edge)).split(".");
    const forged = Buffer.from(JSON.stringify({ content: { user: "root" }, until: 9e15 })).toString(
      "base64url",
    );
    const foreign = pair(await login(other));
    const basket = pair(await login(renamed)).replace("basket=", "session=");
    for (const cookie of [
      `session=${forged}.${signature}`,
      `${payload}.`,
      payload,
      "session=",
      "session=.",
      foreign,
      basket,
    ])
      expect(await me(edge, cookie)).toBeNull();
  });

  test("is over when it is over, whatever the browser says", async () => {
    await using edge = await open({ maxAgeSeconds: 0 });
    expect(await me(edge, pair(await login(edge)))).toBeNull();
  });

  test("survives a change of secrets, while the old one is still accepted", async () => {
    await using before = await open();
    await using after = await open({ secrets: ["a newer secret of more than 32 bytes", secret] });
    expect(await me(after, pair(await login(before)))).toBe("ann");
    expect(await me(before, pair(await login(after)))).toBeNull();
  });

  test("is sent over HTTPS only where it should be", async () => {
    await using edge = await open({ secure: true });
    expect(await login(edge)).toContain("; Secure");
  });

  test("needs a secret worth the name", async () => {
    await expect(open({ secrets: ["short"] })).rejects.toThrow(/at least 32 characters/);
    await expect(open({ secrets: [] })).rejects.toThrow(/at least one secret/);
  });
});
