import { expect, test, vi } from "vitest";
import { z } from "zod";
import { push } from "../src/gateway/index.ts";
import { contract, rpc, service } from "../src/index.ts";
import { messagePack } from "../src/messagepack/index.ts";
import { auth, recorder, type World, world } from "./gateway-world.ts";

// Behind a gateway services may use codecs that hold more than JSON; HTTP clients are told JSON all the same.

const odd = contract("odd", {
  methods: {
    give: rpc({ http: "GET /give/:kind", input: z.object({ kind: z.string() }), output: z.any() }),
    dated: rpc({ http: "GET /dated", output: z.object({ at: z.date(), name: z.string() }) }),
    headed: rpc({
      http: { route: "GET /headed", reply: { headers: { "x-n": "{n}" }, cookies: { c: "{n}" } } },
      output: z.any(),
    }),
    refuses: rpc({ http: "GET /refuses", errors: { LOW: { status: 409, data: z.any() } } }),
  },
  events: { said: z.any() },
});

const kinds: Record<string, unknown> = {
  bigint: { items: [{ id: 5n }] },
  binary: { data: Buffer.from("x") },
  nan: { ratio: Number.NaN },
  root: 2n ** 60n,
};

function started(log = recorder()): Promise<World> {
  const oddService = service(odd, {
    methods: {
      give: ({ kind }) => kinds[kind],
      dated: () => ({ at: new Date(0), name: "x" }),
      headed: () => ({ n: 5n }),
      refuses: (_, { fail }) => {
        throw fail.LOW({ left: 5n });
      },
    },
  });
  return world(
    { auth, push: { events: [push(odd.events.said, { name: "said", when: () => true })] } } as never,
    {
      services: [oddService],
      contracts: [],
      codec: messagePack,
      log,
    },
  );
}

test.each([
  ["bigint", /items\.0\.id: a bigint cannot be sent as JSON/],
  ["binary", /data: binary data cannot be sent as JSON/],
  ["nan", /ratio: NaN cannot be sent as JSON/],
  ["root", /over HTTP: a bigint cannot be sent as JSON/],
])("an output with a %s is INTERNAL, and its path is in the log", async (kind, words) => {
  const log = recorder();
  await using edge = await started(log);
  const reply = await edge.server.inject(`/give/${kind}`);
  expect(reply.statusCode).toBe(500);
  expect(reply.json()).toMatchObject({ code: "INTERNAL", errorId: expect.any(String) });
  expect(log.lines.join("\n")).toMatch(words);
  expect(log.lines.join("\n")).toContain(reply.json().errorId);
  expect(log.lines.join("\n")).toContain(`The output of odd.give cannot be told over HTTP`);
});

test("a date is ISO 8601, as it is in JSON", async () => {
  await using edge = await started();
  const reply = await edge.server.inject("/dated");
  expect(reply.json()).toEqual({ at: "1970-01-01T00:00:00.000Z", name: "x" });
});

test("nothing of an answer is left on the fault that takes its place", async () => {
  await using edge = await started();
  const reply = await edge.server.inject("/headed");
  expect(reply.statusCode).toBe(500);
  expect(reply.headers).not.toHaveProperty("x-n");
  expect(reply.headers).not.toHaveProperty("set-cookie");
});

test("a declared fault whose data JSON cannot hold is told without, and the log says so", async () => {
  const log = recorder();
  await using edge = await started(log);
  const reply = await edge.server.inject("/refuses");
  expect(reply.statusCode).toBe(409);
  expect(reply.json().code).toBe("LOW");
  expect(reply.json()).not.toHaveProperty("data");
  expect(log.lines.join("\n")).toMatch(/cannot be told as JSON, and is left out/);
});

test("an event that cannot be pushed is logged, and the next one is pushed", async () => {
  const log = recorder();
  await using edge = await started(log);
  await edge.app.emit(odd.events.said, { n: 5n });
  await vi.waitFor(() => expect(log.lines.join("\n")).toMatch(/a bigint cannot be sent as JSON/));
  await edge.app.emit(odd.events.said, { n: 5 });
  expect((await edge.server.inject("/dated")).statusCode).toBe(200);
});
