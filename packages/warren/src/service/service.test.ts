import { describe, expect, it } from "vitest";
import { z } from "zod";
import { embedded } from "../embedded/index.ts";
import { app, contract, rpc, service, silent } from "../index.ts";

const shop = contract("shop", {
  methods: { sell: rpc({ output: z.array(z.string()) }) },
  events: { sold: z.object({}) },
});

describe("contract", () => {
  it.each(["", "Shop", "my.shop", "warren", "1shop", "a".repeat(64), "shop requests"])(
    "refuses the name %j",
    (name) => {
      expect(() => contract(name, {})).toThrow(TypeError);
    },
  );

  it.each(["then", "constructor", "toString", "a.b", "__proto", "a-b", ""])(
    "refuses a member named %j",
    (name) => {
      expect(() => contract("shop", { methods: { [name]: rpc() } })).toThrow(TypeError);
      expect(() => contract("shop", { events: { [name]: z.object({}) } })).toThrow(TypeError);
    },
  );
});

describe("service", () => {
  it("refuses a missing and a superfluous handler, naming it", () => {
    expect(() => service(shop, { methods: {} as never })).toThrow('"sell"');
    expect(() => service(shop, { methods: { sell: () => [], steal: () => {} } as never })).toThrow('"steal"');
  });

  it("refuses an event that no contract in `uses` has", () => {
    expect(() =>
      service(shop, { methods: { sell: () => [] }, on: { "orders.placed": () => {} } as never }),
    ).toThrow('"orders.placed"');
  });

  it.each([0, -1, 1.5, 2_001, Number.NaN])("refuses a concurrency of %d", (concurrency) => {
    expect(() => service(shop, { methods: { sell: () => [] }, concurrency })).toThrow(TypeError);
  });
});

describe("a figure that is none", () => {
  const sell = { methods: { sell: () => [] } };
  it.each([
    ["retry.attempts", () => service(shop, { ...sell, retry: { attempts: 0 } })],
    ["retry.baseMs", () => service(shop, { ...sell, retry: { baseMs: Number.NaN } })],
    [
      "retry.capMs",
      () => service(shop, { ...sell, on: { "shop.sold": { run: () => {}, retry: { capMs: -1 } } } }),
    ],
    ["timeoutMs", () => service(shop, { ...sell, on: { "shop.sold": { run: () => {}, timeoutMs: 1.5 } } })],
    ["limits.calls", () => app({ transport: embedded(), limits: { calls: Number.NaN }, log: silent })],
    ["drainMs", () => app({ transport: embedded(), drainMs: -1, log: silent })],
    ["maxMessageBytes", () => embedded({ maxMessageBytes: 0 })],
    ["maxQueueBytes", () => embedded({ maxQueueBytes: Number.POSITIVE_INFINITY })],
  ])("is refused by its name: %s", (name, make) => {
    expect(make).toThrow(name);
  });
});

describe("middleware", () => {
  it("wraps handlers, the app's outside the service's, and can answer instead", async () => {
    const trace: string[] = [];
    const named = (name: string) => (next: any) => async (input: unknown, context: any) => {
      trace.push(`${name} ${context.operation.id}`);
      return next(input, context);
    };
    const sell = service(shop, {
      methods: { sell: () => trace },
      use: [named("inner"), () => () => [...trace, "instead"]],
    });
    await using made = app({ transport: embedded(), services: [sell], use: [named("outer")], log: silent });
    await made.start();
    expect(await made.client(shop).sell()).toEqual(["outer shop.sell", "inner shop.sell", "instead"]);
  });

  it("wraps outgoing calls", async () => {
    const seen: string[] = [];
    const sell = service(shop, { methods: { sell: () => ["ok"] } });
    await using made = app({
      transport: embedded(),
      services: [sell],
      log: silent,
      outgoing: [(next) => (call) => (seen.push(call.method.id), next(call))],
    });
    await made.start();
    expect(await made.client(shop).sell()).toEqual(["ok"]);
    expect(seen).toEqual(["shop.sell"]);
  });
});

describe("app", () => {
  it("refuses two services of one contract", () => {
    const sell = service(shop, { methods: { sell: () => [] } });
    expect(() => app({ transport: embedded(), services: [sell, sell], log: silent })).toThrow('"shop"');
  });

  it("starts once, and says so", async () => {
    await using made = app({ transport: embedded(), log: silent });
    expect(await made.health()).toMatchObject({ ready: false, reason: "the app is new" });
    await made.start();
    expect(await made.health()).toMatchObject({ ready: true, reason: undefined });
    await expect(made.start()).rejects.toThrow("starts once");
  });
});
