import { describe, expect, test } from "vitest";
import { z } from "zod";
import { openApi } from "../src/gateway/index.ts";
import { contract, rpc, service } from "../src/index.ts";
import { sqlite } from "../src/sqlite/index.ts";
import { auth, gate, token, type World, world } from "./gateway-world.ts";

const till = contract("till", {
  methods: {
    pay: rpc({
      http: "POST /payments",
      input: z.object({ cents: z.number(), note: z.string().optional() }),
      output: z.object({ receipt: z.number() }),
      errors: { TOO_DEAR: { status: 402 } },
    }),
    seen: rpc({ http: "GET /payments", output: z.object({ key: z.string().optional() }) }),
    refund: rpc({
      http: { route: "POST /refunds", headers: { reference: "Idempotency-Key" } },
      input: z.object({ reference: z.string().optional() }),
      output: z.object({ reference: z.string().optional(), key: z.string().optional() }),
    }),
    clear: rpc({ http: "DELETE /payments", output: z.object({ key: z.string().optional() }) }),
  },
});
const forgetful = contract("forgetful", {
  methods: { pay: rpc({ http: "POST /forgetful", output: z.string() }) },
});

/** A gateway in front of a service with a store, and of one without. `held` is what payments wait for. */
async function tills(held: () => Promise<void> = async () => {}): Promise<World> {
  let receipts = 0;
  const paying = service(till, {
    store: sqlite(),
    methods: {
      async pay({ cents }, { fail }) {
        await held();
        receipts++;
        if (cents > 100) throw fail.TOO_DEAR();
        return { receipt: receipts };
      },
      seen: (_, { key }) => ({ key }),
      refund: ({ reference }, { key }) => ({ reference, key }),
      clear: (_, { key }) => ({ key }),
    },
  });
  let runs = 0;
  const forgetting = service(forgetful, { methods: { pay: () => `${++runs}` } });
  return world({ auth }, { services: [paying, forgetting], contracts: [] });
}

async function pay(w: World, key: string | string[], payload: object, headers: Record<string, string> = {}) {
  const response = await w.server.inject({
    method: "POST",
    url: "/payments",
    headers: { ...headers, "idempotency-key": key } as Record<string, string>,
    payload,
  });
  return { status: response.statusCode, body: response.json() };
}

describe("the header Idempotency-Key", () => {
  test("has a request answered once, a declared fault as well, and the same in quotes or without them", async () => {
    await using w = await tills();
    const first = { status: 200, body: { receipt: 1 } };
    expect(await pay(w, '"8e03978e"', { cents: 5 })).toEqual(first);
    expect(await pay(w, "8e03978e", { cents: 5 })).toEqual(first);
    expect(await pay(w, '"another, \\"quoted\\" one"', { cents: 5 })).toEqual({
      status: 200,
      body: { receipt: 2 },
    });
    for (let i = 0; i < 2; i++)
      expect(await pay(w, "dear", { cents: 500 })).toMatchObject({ status: 402, body: { code: "TOO_DEAR" } });
    expect(await pay(w, "last", { cents: 5 })).toMatchObject({ body: { receipt: 4 } });
  });

  test("with another content is 422, and says so without naming what is inside", async () => {
    await using w = await tills();
    await pay(w, "k", { cents: 5 });
    const { status, body } = await pay(w, "k", { cents: 6 });
    expect([status, body.code]).toEqual([422, "KEY_REUSED"]);
    expect(body.detail).toContain("Idempotency-Key");
    expect(body.detail).not.toContain("till");
  });

  test("of a request that is still under way is 409", async () => {
    const door = gate();
    let isHeld = true;
    await using w = await tills(() => (isHeld ? door.pass() : Promise.resolve()));
    const first = pay(w, "k", { cents: 5 });
    await door.arrived;
    isHeld = false;
    // Ten wait for it; no more.
    const others = Array.from({ length: 11 }, () => pay(w, "k", { cents: 5 }));
    expect(await Promise.race(others)).toMatchObject({ status: 409, body: { code: "KEY_IN_USE" } });
    door.open();
    expect(await first).toEqual({ status: 200, body: { receipt: 1 } });
    expect((await Promise.all(others)).filter(({ status }) => status === 200)).toHaveLength(10);
  });

  test("belongs to who sent it", async () => {
    await using w = await tills();
    const as = async (sub: string) => ({ authorization: `Bearer ${await token({ sub })}` });
    expect((await pay(w, "k", { cents: 5 }, await as("ann"))).body).toEqual({ receipt: 1 });
    expect((await pay(w, "k", { cents: 5 }, await as("bob"))).body).toEqual({ receipt: 2 });
    expect((await pay(w, "k", { cents: 5 })).body).toEqual({ receipt: 3 });
    expect((await pay(w, "k", { cents: 5 }, await as("ann"))).body).toEqual({ receipt: 1 });
  });

  test.each(['""', "", "a,b", '"a" "b"', '"a";p=1', '"a', "ä", "a b", "x".repeat(201)])(
    "that is %j is 400",
    async (key) => {
      await using w = await tills();
      expect(await pay(w, key, { cents: 5 })).toMatchObject({ status: 400, body: { code: "BAD_REQUEST" } });
    },
  );

  test("that is there twice is 400", async () => {
    await using w = await tills();
    expect((await pay(w, ["a", "b"], { cents: 5 })).status).toBe(400);
  });

  test("to a service without a store is 400, and nothing is done", async () => {
    await using w = await tills();
    const headers = { "idempotency-key": "k" };
    const refused = await w.server.inject({ method: "POST", url: "/forgetful", headers });
    expect([refused.statusCode, refused.json().code]).toEqual([400, "KEY_UNSUPPORTED"]);
    expect((await w.server.inject({ method: "POST", url: "/forgetful" })).json()).toBe("1");
  });

  test("is read where something may change, and where the contract does not take it for the input", async () => {
    await using w = await tills();
    const asked = async (method: "GET" | "POST" | "DELETE", url: string) =>
      (await w.server.inject({ method, url, headers: { "idempotency-key": "k" } })).json();
    expect(await asked("GET", "/payments")).toEqual({});
    expect(await asked("DELETE", "/payments")).toEqual({ key: "k" });
    expect(await asked("POST", "/refunds")).toEqual({ reference: "k" });
  });

  test("is in the document of the routes that take it", () => {
    const { paths } = openApi([till, forgetful]);
    const named = (path: string, verb: string) =>
      (paths[path]![verb]!.parameters ?? []).filter(({ name }) => name === "Idempotency-Key");
    expect(named("/payments", "post")).toEqual([
      expect.objectContaining({ in: "header", required: false, description: expect.any(String) }),
    ]);
    expect(named("/forgetful", "post")).toHaveLength(1);
    expect(named("/payments", "get")).toEqual([]);
    // As a field of the input, and only so.
    expect(named("/refunds", "post")).toEqual([
      expect.not.objectContaining({ description: expect.anything() }),
    ]);
  });
});
