import { describe, expect, it } from "vitest";
import { reading } from "../src/codec/reading.ts";
import { Fault, type Incoming, type Logger, silent } from "../src/index.ts";
import { delivery } from "../src/outbox/delivery.ts";
import type { DeathNotice } from "../src/retry/bury.ts";
import { entry } from "./relay-world.ts";

const minute = 60_000;

/** A delivery whose broker and callee say what the test has them say, and what it logs and buries. */
function made(answer: (tries: number, options: object) => unknown) {
  const logged: string[] = [];
  const buried: [Incoming, DeathNotice][] = [];
  const asked: object[] = [];
  const log: Logger = {
    ...silent,
    info: (_, words) => void logged.push(`info ${words}`),
    warn: (_, words) => void logged.push(`warn ${words}`),
    error: (_, words) => void logged.push(`error ${words}`),
  };
  const ask = async (options: object): Promise<void> => {
    asked.push(options);
    const said = answer(asked.length, options);
    if (said instanceof Error) throw said;
  };
  const deliver = delivery({
    transport: { publish: () => ask({}) } as never,
    caller: { call: (_method, _input, options) => ask(options) },
    reading: reading([], 1_000),
    bury: async (message, notice) => (buried.push([message, notice]), "ack"),
    log,
    random: () => 0.5,
  });
  return { deliver, logged, buried, asked };
}

const event = (attempts = 0) => ({ ...entry("e"), attempts, failures: 0 });
const call = (attempts = 0, failures = 0) => ({
  ...entry("c", {
    kind: "call",
    service: "shop",
    type: "stock.take",
    message: {
      exchange: "",
      key: "stock.requests",
      body: Buffer.from('{"n":1}'),
      persistent: true,
      mandatory: true,
    },
  }),
  attempts,
  failures,
});

describe("an event", () => {
  it("is done when it is confirmed", async () => {
    expect(await made(() => {}).deliver(event())).toEqual({ done: true });
  });

  it("is tried again while the broker is away, ever later up to a minute, and that is said once", async () => {
    const { deliver, logged } = made((tries) => (tries < 4 ? new Fault("UNAVAILABLE", {}) : undefined));
    expect(await deliver(event())).toMatchObject({ done: false, delayMs: 750 });
    expect(await deliver(event(3))).toMatchObject({ delayMs: 6_000 });
    expect(await deliver(event(50))).toMatchObject({
      delayMs: 45_000,
      error: expect.stringMatching(/^UNAVAILABLE/),
    });
    await deliver(event());
    expect(logged).toEqual([
      "warn the broker takes nothing from the outbox; what is in it waits there",
      "info the broker takes messages from the outbox again",
    ]);
  });

  it("stays where it can never be sent, and each try says so", async () => {
    const { deliver, logged } = made(() => new Fault("TOO_LARGE", {}));
    expect(await deliver(event())).toMatchObject({
      done: false,
      delayMs: 10 * minute,
      error: expect.any(String),
    });
    await deliver(event(1));
    expect(logged).toEqual(Array(2).fill("error a message in the outbox cannot be sent, and stays there"));
  });

  it("is no failure where the process ends", async () => {
    expect(await made(() => new Fault("STOPPED", {})).deliver(event())).toEqual({ done: false, delayMs: 0 });
  });
});

describe("a call", () => {
  it("is made under its id as the key", async () => {
    const { deliver, asked } = made(() => {});
    expect(await deliver(call())).toEqual({ done: true });
    expect(asked).toEqual([{ key: "c", ifDown: "fail" }]);
  });

  it("waits as long as it takes for who cannot be reached, and not less than it is asked to", async () => {
    const away = made(() => new Fault("UNAVAILABLE", { retryAfterMs: 5 * minute }, { from: "stock" }));
    expect(await away.deliver(call(1_000))).toMatchObject({ done: false, delayMs: 5 * minute });
    expect(away.buried).toEqual([]);
  });

  it("is made again, uncounted, where the connection was lost under it", async () => {
    const { deliver, buried } = made(() => new Fault("UNKNOWN_OUTCOME", {}));
    expect(await deliver(call(1_000))).toMatchObject({ done: false, error: expect.any(String) });
    expect(buried).toEqual([]);
  });

  it("is tried ten times where it fails, and is then a dead letter", async () => {
    const { deliver, buried } = made(() => new Fault("INTERNAL", {}, { from: "stock" }));
    const again = { done: false, hasFailed: true, error: expect.stringMatching(/^INTERNAL/) };
    expect(await deliver(call(8, 8))).toMatchObject(again);
    // Those that reached nobody are none of the ten.
    expect(await deliver(call(1_000, 8))).toMatchObject(again);
    expect(buried).toEqual([]);
    expect(await deliver(call(1_000, 9))).toEqual({ done: true });
    expect(buried[0]![1]).toMatchObject({ service: "shop", queue: "stock.requests", reason: "failed" });
  });

  it("is a dead letter at once where it was refused", async () => {
    const { deliver, buried } = made(() => new Fault("GONE", {}, { from: "stock" }));
    expect(await deliver(call())).toEqual({ done: true });
    expect(buried).toHaveLength(1);
  });

  it("is made without a key by a service that can do nothing with one, and that is remembered", async () => {
    const { deliver, asked } = made((_, options) =>
      "key" in options ? new Fault("KEY_UNSUPPORTED", {}, { from: "stock" }) : undefined,
    );
    expect(await deliver(call())).toEqual({ done: true });
    expect(await deliver(call())).toEqual({ done: true });
    expect(asked).toEqual([{ key: "c", ifDown: "fail" }, { ifDown: "fail" }, { ifDown: "fail" }]);
  });

  it("that cannot be read is a dead letter, and no crash", async () => {
    const { deliver, buried } = made(() => {});
    const broken = { ...call(), message: { ...call().message, body: Buffer.from("{") } };
    expect(await deliver(broken)).toMatchObject({ done: false });
    expect(await deliver({ ...broken, failures: 9 })).toEqual({ done: true });
    expect(buried).toHaveLength(1);
  });
});
