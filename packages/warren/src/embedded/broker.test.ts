import { describe, expect, it, onTestFinished } from "vitest";
import type { Incoming, Outgoing } from "../message.ts";
import { virtualClock } from "../testing/virtual-clock.ts";
import type { Clock } from "../time.ts";
import { systemClock } from "../time.ts";
import type { Transport } from "../transport.ts";
import { embedded, embeddedBroker } from "./index.ts";

const message = (key: string, text = "text", more: Partial<Outgoing> = {}): Outgoing => ({
  exchange: "",
  key,
  body: Buffer.from(text),
  persistent: false,
  mandatory: true,
  ...more,
});
const text = ({ body }: Incoming): string => Buffer.from(body).toString();
const classic = (name: string) => ({ name, type: "classic", lifetime: "durable" }) as const;

/** Every message that is ready for someone with a free hand has been handed over. */
const rest = async (): Promise<void> => {
  for (let turn = 0; turn < 4; turn++) await new Promise<void>((resolve) => systemClock.soon(resolve));
};

async function withQueue(transport: Transport, name = "q"): Promise<Transport> {
  onTestFinished(() => transport.close({ drainMs: 0 }));
  await transport.declare({ queues: [classic(name)] });
  return transport;
}

/** The machine's clock, counting. */
function counting(): Clock & { readonly count: { soon: number; after: number; pending: number } } {
  const count = { soon: 0, after: 0, pending: 0 };
  return {
    count,
    now: () => systemClock.now(),
    soon(run) {
      count.soon++;
      systemClock.soon(run);
    },
    after(delayMs, run) {
      count.after++;
      count.pending++;
      const timer = systemClock.after(delayMs, run);
      return {
        cancel() {
          count.pending--;
          timer.cancel();
        },
      };
    },
  };
}

describe("the embedded broker", () => {
  it("gives consumers with a free hand their turns, and passes over those without", async () => {
    const transport = await withQueue(embedded());
    const got: string[] = [];
    const held = Promise.withResolvers<"ack">();
    await transport.consume("q", () => (got.push("a"), "ack"), { prefetch: 1 });
    await transport.consume("q", () => (got.push("busy"), held.promise), { prefetch: 1 });
    await transport.consume("q", () => (got.push("b"), "ack"), { prefetch: 1 });
    for (let i = 0; i < 9; i++) transport.send(message("q"));
    await rest();
    expect(got).toEqual(["a", "busy", "b", "a", "b", "a", "b", "a", "b"]);
    held.resolve("ack");
  });

  it("serves many messages with one turn of the event loop and no timer, though all of them may expire", async () => {
    const clock = counting();
    const transport = await withQueue(embedded({ clock }));
    let got = 0;
    await transport.consume("q", () => (got++, "ack"), { prefetch: 2_000 });
    await rest();
    clock.count.soon = 0;
    for (let i = 0; i < 200; i++) transport.send(message("q", "call", { expirationMs: 5_000 }));
    await rest();
    expect([got, clock.count.soon, clock.count.after]).toEqual([200, 1, 0]);
  });

  it("times only the head of a queue that waits, and nothing while nobody is connected", async () => {
    const clock = counting();
    const broker = embeddedBroker({ clock });
    const transport = await withQueue(embedded({ broker }));
    for (let i = 0; i < 100; i++) transport.send(message("q", "call", { expirationMs: 60_000 }));
    await rest();
    expect(clock.count).toMatchObject({ after: 1, pending: 1 });
    await transport.close({ drainMs: 0 });
    expect(clock.count.pending).toBe(0);
    const next = await withQueue(embedded({ broker }));
    await rest();
    expect(clock.count.pending).toBe(1);
    expect(await next.inspect("q")).toEqual({ messages: 100, consumers: 0 });
  });

  it("expires behind the head only once the head is gone, as RabbitMQ's classic queues do", async () => {
    const clock = virtualClock();
    const transport = await withQueue(embedded({ clock }));
    await transport.publish(message("q", "long", { expirationMs: 1_000 }));
    await transport.publish(message("q", "short", { expirationMs: 10 }));
    await clock.advance(999);
    expect((await transport.inspect("q"))?.messages).toBe(2);
    await clock.advance(1);
    expect((await transport.inspect("q"))?.messages).toBe(0);
  });

  it("delivers a message that may not wait to a consumer with a free hand, and to none later", async () => {
    const transport = await withQueue(embedded());
    const got: string[] = [];
    await transport.publish(message("q", "nobody there", { expirationMs: 0 }));
    await rest();
    await transport.consume("q", (m) => (got.push(text(m)), "ack"), { prefetch: 3 });
    for (const n of [1, 2, 3]) transport.send(message("q", `taken ${n}`, { expirationMs: 0 }));
    transport.send(message("q", "no hand free", { expirationMs: 0 }));
    await rest();
    expect(got).toEqual(["taken 1", "taken 2", "taken 3"]);
  });

  it("ends a message that expires round and round through queues that nobody rejects from", async () => {
    const clock = virtualClock();
    const transport = await withQueue(embedded({ clock }));
    const circle = (name: string, next: string) =>
      ({ ...classic(name), messageTtlMs: 10, deadLetter: { exchange: "", key: next } }) as const;
    await transport.declare({ queues: [circle("a", "b"), circle("b", "a")] });
    await transport.publish(message("a"));
    await clock.advance(10);
    expect((await transport.inspect("b"))?.messages).toBe(1);
    await clock.advance(10);
    expect([await transport.inspect("a"), await transport.inspect("b")]).toMatchObject([
      { messages: 0 },
      { messages: 0 },
    ]);
  });

  it("notes on a dead letter where it died first and last, and why, and drops the notes when that is published again", async () => {
    const transport = await withQueue(embedded(), "dead");
    await transport.declare({ queues: [{ ...classic("q"), deadLetter: { exchange: "", key: "dead" } }] });
    await transport.consume("q", () => "reject", { prefetch: 1 });
    const got: Incoming[] = [];
    await transport.consume("dead", (m) => (got.push(m), "ack"), { prefetch: 1 });
    await transport.publish(message("q", "bad", { headers: { mine: 1 } }));
    await rest();
    expect(got[0]?.headers).toEqual({
      mine: 1,
      "x-first-death-exchange": "",
      "x-first-death-queue": "q",
      "x-first-death-reason": "rejected",
      "x-last-death-queue": "q",
      "x-last-death-reason": "rejected",
    });
    await transport.publish({ ...got[0]!, key: "dead", mandatory: true });
    await rest();
    expect(got[1]?.headers).toEqual({ mine: 1 });
  });

  it("puts messages given back in any order back to their places", async () => {
    const transport = await withQueue(embedded());
    const settle: ((disposition: "requeue") => void)[] = [];
    const { promise, resolve } = Promise.withResolvers<void>();
    const consumer = await transport.consume(
      "q",
      () => new Promise((done) => void (settle.push(done) === 4 && resolve(), undefined)),
      { prefetch: 4 },
    );
    for (const n of [1, 2, 3, 4, 5, 6]) transport.send(message("q", String(n)));
    await promise;
    const stopped = consumer.stop();
    for (const n of [2, 0, 3, 1]) {
      settle[n]?.("requeue");
      await rest();
    }
    await stopped;
    const got: string[] = [];
    await transport.consume("q", (m) => (got.push(`${text(m)} ${m.redelivered}`), "ack"), { prefetch: 1 });
    await rest();
    expect(got).toEqual(["1 true", "2 true", "3 true", "4 true", "5 false", "6 false"]);
  });

  it("gives every queue a copy of its own", async () => {
    const transport = await withQueue(embedded(), "a");
    await transport.declare({
      exchanges: [{ name: "all", type: "fanout" }],
      queues: [classic("b")],
      bindings: ["a", "b"].map((queue) => ({ queue, exchange: "all", key: "" })),
    });
    const got: Incoming[] = [];
    for (const queue of ["a", "b"]) {
      await transport.consume(queue, (m) => (m.body.fill(0x78), got.push(m), "ack"), { prefetch: 1 });
    }
    const sent = message("k", "text", { exchange: "all", headers: { h: 1 } });
    transport.send(sent);
    await rest();
    expect(Buffer.from(sent.body).toString()).toBe("text");
    expect(got.map(text)).toEqual(["xxxx", "xxxx"]);
    expect(got[0]?.headers).not.toBe(got[1]?.headers);
    expect(
      got[0]?.body.buffer === got[1]?.body.buffer && got[0]?.body.byteOffset === got[1]?.body.byteOffset,
    ).toBe(false);
  });
});

describe("what the embedded broker refuses", () => {
  it("is more than its memory holds, until there is room again; watchers are told of both", async () => {
    const transport = await withQueue(embedded({ maxQueueBytes: 10_000 }));
    const states: boolean[] = [];
    transport.watch((state) => states.push(state.publishing));
    const body = Buffer.alloc(4_000);
    for (let i = 0; i < 3; i++) await transport.publish({ ...message("q"), body });
    await expect(transport.publish({ ...message("q"), body })).rejects.toMatchObject({
      code: "OVERLOADED",
      data: { limit: 10_000 },
    });
    expect(transport.send(message("q"))).toBe(false);
    expect([transport.state.publishing, transport.state.consuming]).toEqual([false, true]);
    await transport.consume("q", () => "ack", { prefetch: 1 });
    await rest();
    expect(states).toEqual([false, true]);
    await transport.publish(message("q"));
  });

  it("is a bit of memory for messages without bodies as well", async () => {
    const transport = await withQueue(embedded({ maxQueueBytes: 10_000 }));
    const empty = { ...message("q"), body: Buffer.alloc(0) };
    let taken = 0;
    while (taken < 1_000 && transport.send(empty)) taken++;
    expect(taken).toBeLessThan(100);
  });

  it("is an exchange or a queue that nobody declared, by its name", async () => {
    const transport = await withQueue(embedded());
    await expect(
      transport.publish(message("k", "", { exchange: "nobodys", mandatory: false })),
    ).rejects.toMatchObject({
      code: "UNROUTABLE",
      message: expect.stringContaining("nobodys"),
    });
    const returned = await new Promise((resolve) => {
      transport.send(message("k", "", { exchange: "nobodys" }), () => resolve("returned"));
    });
    expect(returned).toBe("returned");
    const to = (queue: string, exchange: string) =>
      transport.declare({ bindings: [{ queue, exchange, key: "" }] });
    await expect(to("q", "nobodys")).rejects.toThrow('exchange "nobodys"');
    await transport.declare({ exchanges: [{ name: "e", type: "topic" }] });
    await expect(to("nobodys", "e")).rejects.toThrow('queue "nobodys"');
  });

  it("is a prefetch that makes no sense", async () => {
    const transport = await withQueue(embedded());
    for (const prefetch of [0, -1, 1.5, 2_001, Number.NaN]) {
      await expect(transport.consume("q", () => "ack", { prefetch })).rejects.toThrow("prefetch");
    }
  });

  it("is a name of the broker's own", async () => {
    const transport = await withQueue(embedded());
    await expect(transport.declare({ queues: [classic("amq.mine")] })).rejects.toThrow("amq.mine");
    await expect(transport.declare({ exchanges: [{ name: "", type: "topic" }] })).rejects.toThrow(
      "belongs to the broker",
    );
  });
});
