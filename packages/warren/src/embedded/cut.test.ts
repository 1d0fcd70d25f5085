import { describe, expect, it, onTestFinished } from "vitest";
import type { Incoming, Outgoing } from "../message.ts";
import { type VirtualClock, virtualClock } from "../testing/virtual-clock.ts";
import type { Disposition, Transport, TransportState } from "../transport.ts";
import { type Broker, embedded, embeddedBroker } from "./index.ts";

const message = (key: string, text = "text"): Outgoing => ({
  exchange: "",
  key,
  body: Buffer.from(text),
  persistent: false,
  mandatory: true,
});
const text = ({ body }: Incoming): string => Buffer.from(body).toString();

interface Two {
  readonly clock: VirtualClock;
  readonly broker: Broker;
  readonly a: Transport;
  readonly b: Transport;
}

async function two(): Promise<Two> {
  const clock = virtualClock();
  const broker = embeddedBroker({ clock });
  const [a, b] = [embedded({ broker, publishTimeoutMs: 2_000 }), embedded({ broker })];
  onTestFinished(async () => {
    await a.close({ drainMs: 0 });
    await b.close({ drainMs: 0 });
  });
  await a.declare({ queues: [{ name: "q", type: "classic", lifetime: "durable" }] });
  return { clock, broker, a, b };
}

describe("a transport whose connection is cut", () => {
  it("says that it is away and why, then that it is back, by itself", async () => {
    const { clock, broker, a } = await two();
    const states: TransportState[] = [];
    a.watch((state) => states.push(state));
    broker.cut(a, { downMs: 500 });
    expect(a.state).toEqual({ publishing: false, consuming: false, reason: "the connection was cut" });
    await clock.advance(499);
    expect(states).toHaveLength(1);
    await clock.advance(1);
    expect(states.at(-1)).toEqual({ publishing: true, consuming: true });
    broker.cut(a);
    expect(a.state.publishing).toBe(false);
    await clock.advance(0);
    expect(a.state.publishing).toBe(true);
  });

  it("loses what it had not settled to others, as redelivered and in order, and its late results count for nothing", async () => {
    const { clock, broker, a, b } = await two();
    const held: ((disposition: Disposition) => void)[] = [];
    await a.consume("q", () => new Promise((settle) => void held.push(settle)), { prefetch: 2 });
    for (const n of ["1", "2", "3"]) a.send(message("q", n));
    await clock.advance(0);
    expect(held).toHaveLength(2);
    broker.cut(a, { downMs: 1_000 });
    const got: string[] = [];
    await b.consume("q", (m) => (got.push(`${text(m)} ${m.redelivered}`), "ack"), { prefetch: 10 });
    await clock.advance(0);
    expect(got).toEqual(["1 true", "2 true", "3 false"]);
    for (const settle of held) settle("requeue");
    await clock.advance(5_000);
    expect(got).toHaveLength(3);
    expect(await b.inspect("q")).toEqual({ messages: 0, consumers: 2 });
  });

  it("consumes again with its whole prefetch, and stopping waits for handlers from before the cut as well", async () => {
    const { clock, broker, a, b } = await two();
    const held: ((disposition: Disposition) => void)[] = [];
    const consumer = await a.consume("q", () => new Promise((settle) => void held.push(settle)), {
      prefetch: 1,
    });
    a.send(message("q", "1"));
    await clock.advance(0);
    broker.cut(a);
    await clock.advance(0);
    expect(held).toHaveLength(2);
    let stopped = false;
    const stopping = consumer.stop().then(() => {
      stopped = true;
    });
    held[1]?.("ack");
    await clock.advance(0);
    expect(stopped).toBe(false);
    held[0]?.("ack");
    await stopping;
    expect(await b.inspect("q")).toEqual({ messages: 0, consumers: 0 });
  });

  it("does not settle by a late result what has come again to the same consumer, and tells it of the loss", async () => {
    const { clock, broker, a, b } = await two();
    const held: ((disposition: Disposition) => void)[] = [];
    const told: number[] = [];
    await a.consume("q", () => new Promise((settle) => void held.push(settle)), {
      prefetch: 1,
      lost: () => told.push(held.length),
    });
    a.send(message("q", "1"));
    await clock.advance(0);
    broker.cut(a);
    await clock.advance(0);
    expect(held).toHaveLength(2);
    expect(told).toEqual([1]);
    held[0]?.("ack");
    await clock.advance(0);
    broker.cut(a, { downMs: 1_000 });
    expect(await b.inspect("q")).toEqual({ messages: 1, consumers: 0 });
  });

  it("does not consume again what was stopped before", async () => {
    const { clock, broker, a, b } = await two();
    const consumer = await a.consume("q", () => "ack", { prefetch: 1 });
    await consumer.stop();
    broker.cut(a);
    await clock.advance(0);
    expect((await b.inspect("q"))?.consumers).toBe(0);
  });

  it("loses its own queues with their messages, and has them again, bound and empty, when it is back", async () => {
    const { clock, broker, a, b } = await two();
    await a.declare({
      exchanges: [{ name: "e", type: "topic" }],
      queues: [{ name: "mine", type: "classic", lifetime: "connection" }],
      bindings: [{ queue: "mine", exchange: "e", key: "#" }],
    });
    await b.publish(message("mine", "lost"));
    broker.cut(a, { downMs: 10 });
    expect(await b.inspect("mine")).toBeUndefined();
    await expect(b.publish({ ...message("k"), exchange: "e" })).rejects.toMatchObject({ code: "UNROUTABLE" });
    await clock.advance(10);
    const got: string[] = [];
    await a.consume("mine", (m) => (got.push(text(m)), "ack"), { prefetch: 1 });
    await b.publish({ ...message("k", "found"), exchange: "e" });
    await clock.advance(0);
    expect(got).toEqual(["found"]);
  });

  it("has another address for replies afterwards; what goes to the old one is lost", async () => {
    const { clock, broker, a, b } = await two();
    const got: string[] = [];
    const replies = await a.replies((m) => got.push(text(m)));
    const before = replies.address;
    broker.cut(a);
    await clock.advance(0);
    expect(replies.address).not.toBe(before);
    b.send({ ...message(before!, "old"), mandatory: false });
    b.send({ ...message(replies.address!, "new"), mandatory: false });
    await clock.advance(0);
    expect(got).toEqual(["new"]);
  });

  it("sends nothing meanwhile, but publishes when it is back what could wait, as it was then", async () => {
    const { clock, broker, a } = await two();
    broker.cut(a, { downMs: 1_000 });
    expect(a.send(message("q"))).toBe(false);
    const waiting = message("q", "waited");
    const published = a.publish(waiting);
    waiting.body.fill(0);
    await clock.advance(1_000);
    await published;
    const got: string[] = [];
    await a.consume("q", (m) => (got.push(text(m)), "ack"), { prefetch: 1 });
    await clock.advance(0);
    expect(got).toEqual(["waited"]);
  });

  it("fails as UNAVAILABLE what waited too long, as OVERLOADED what would be too many, as STOPPED what is closed over", async () => {
    const { clock, broker, a } = await two();
    broker.cut(a, { downMs: 60_000 });
    const late = Array.from({ length: 1_000 }, () =>
      a.publish(message("q")).catch((error: { code: string }) => error.code),
    );
    await expect(a.publish(message("q"))).rejects.toMatchObject({ code: "OVERLOADED" });
    await clock.advance(2_000);
    expect(new Set(await Promise.all(late))).toEqual(new Set(["UNAVAILABLE"]));
    const waiting = a.publish(message("q"));
    const refused = expect(waiting).rejects.toMatchObject({ code: "STOPPED" });
    const closed = a.close({ drainMs: 100 });
    await clock.advance(100);
    await closed;
    await refused;
    await clock.advance(60_000);
    expect(a.state.publishing).toBe(false);
  });

  it("that is cut by its own handler gets the message again", async () => {
    const { clock, broker, a } = await two();
    const got: boolean[] = [];
    const handle = (m: Incoming): Disposition => {
      got.push(m.redelivered);
      if (!m.redelivered) broker.cut(a);
      return "ack";
    };
    await a.consume("q", handle, { prefetch: 1 });
    a.send(message("q"));
    await clock.advance(0);
    expect(got).toEqual([false, true]);
    expect((await a.inspect("q"))?.messages).toBe(0);
  });

  it("has to be on that broker", async () => {
    const { broker } = await two();
    expect(() => broker.cut(embedded())).toThrow("not connected to this broker");
  });
});
