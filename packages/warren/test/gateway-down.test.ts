import { expect, test } from "vitest";
import { z } from "zod";
import { embedded, embeddedBroker } from "../src/embedded/index.ts";
import { httpServer } from "../src/gateway/index.ts";
import { app, contract, rpc, service, silent } from "../src/index.ts";

const clock = contract("clock", {
  methods: {
    now: rpc({ http: "GET /now", output: z.number(), timeoutMs: 10_000 }),
    nowOrNever: rpc({ http: { route: "GET /now-or-never", ifDown: "fail" }, output: z.number() }),
    someTime: rpc({ http: { route: "GET /some-time", ifDown: "wait" }, output: z.number() }),
  },
});
const clockService = () =>
  service(clock, { methods: { now: () => 12, nowOrNever: () => 12, someTime: () => 12 } });

/** A gateway whose only service has run before and is away now. */
async function world(ifDown: "wait" | "fail") {
  const broker = embeddedBroker();
  const shop = app({ transport: embedded({ broker }), contracts: [clock], log: silent });
  await shop.start();
  const clocks = () => app({ transport: embedded({ broker }), services: [clockService()], log: silent });
  const first = clocks();
  await first.start();
  await first.stop();
  const server = await httpServer(shop, { ifDown });
  const get = (path = "/now"): Promise<number> => server.inject(path).then((answer) => answer.statusCode);
  const close = async (): Promise<void> => {
    await server.close();
    await shop.stop();
  };
  return { get, clocks, close };
}

test("a request waits across the restart of its service", async () => {
  const { get, clocks, close } = await world("wait");
  const answer = get();
  const second = clocks();
  await second.start();
  expect(await answer).toBe(200);
  await second.stop();
  await close();
});

test("a route that says so for itself fails or waits, whatever the gateway is told", async () => {
  const patient = await world("wait");
  expect(await patient.get("/now-or-never")).toBe(503);
  await patient.close();
  const { get, clocks, close } = await world("fail");
  const answer = get("/some-time");
  const second = clocks();
  await second.start();
  expect(await answer).toBe(200);
  await second.stop();
  await close();
});

test("a request is a 503 at once while no instance runs, where the gateway is told so", async () => {
  const { get, clocks, close } = await world("fail");
  expect(await get()).toBe(503);
  const second = clocks();
  await second.start();
  expect(await get()).toBe(200);
  await second.stop();
  await close();
});
