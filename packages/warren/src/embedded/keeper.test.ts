import { describe, expect, it, onTestFinished } from "vitest";
import { silent } from "../log.ts";
import type { Incoming, Outgoing } from "../message.ts";
import { type VirtualClock, virtualClock } from "../testing/virtual-clock.ts";
import type { Clock } from "../time.ts";
import type { Transport } from "../transport.ts";
import { type Broker, brokerOn } from "./broker.ts";
import { Core } from "./core.ts";
import { embedded } from "./index.ts";
import type { Change, Journal } from "./journal.ts";

interface World {
  readonly clock: VirtualClock;
  readonly broker: Broker;
  readonly transport: Transport;
  /** What was written, one list per transaction. */
  readonly written: (readonly Change[])[];
  /** The disk is full, or has room again. */
  full: boolean;
  /** Timers that nobody has cancelled. */
  timers: number;
}

/** A broker on a journal that only pretends to write. */
async function world(): Promise<World> {
  const clock = virtualClock();
  const written: (readonly Change[])[] = [];
  const journal: Journal = {
    file: "/data/broker.db",
    read: () => ({ exchanges: [], queues: [], bindings: [], lastRow: 0, messages: [] }),
    write(changes) {
      if (made.full) throw new Error("database or disk is full");
      written.push(changes);
    },
    close: () => undefined,
  };
  const counting: Clock = {
    now: () => clock.now(),
    soon: (run) => clock.soon(run),
    after(delayMs, run) {
      made.timers++;
      const timer = clock.after(delayMs, run);
      return { cancel: () => (made.timers--, timer.cancel()) };
    },
  };
  const broker = brokerOn(new Core({ clock: counting, log: silent }, journal));
  const made: World = { clock, broker, transport: embedded({ broker }), written, full: false, timers: 0 };
  onTestFinished(() => made.transport.close({ drainMs: 0 }));
  const declared = made.transport.declare({
    queues: [
      { name: "dead", type: "quorum", lifetime: "durable" },
      { name: "q", type: "quorum", lifetime: "durable", deadLetter: { exchange: "", key: "dead" } },
    ],
  });
  await clock.advance(0);
  await declared;
  written.length = 0;
  return made;
}

const message = (text: string, more: Partial<Outgoing> = {}): Outgoing => ({
  exchange: "",
  key: "q",
  body: Buffer.from(text),
  persistent: true,
  mandatory: true,
  ...more,
});
const text = ({ body }: Incoming): string => Buffer.from(body).toString();
const kinds = (written: World["written"]): string[][] =>
  written.map((changes) => changes.map(({ to }) => to));

describe("the journal's keeper", () => {
  it("writes all publishes of a turn in one transaction, and confirms them after it", async () => {
    const { clock, transport, written } = await world();
    const published = Promise.all(["a", "b", "c"].map((each) => transport.publish(message(each))));
    expect(await transport.inspect("q")).toMatchObject({ messages: 0 });
    await clock.advance(0);
    await published;
    expect(kinds(written)).toEqual([["add", "add", "add"]]);
    expect(await transport.inspect("q")).toMatchObject({ messages: 3 });
  });

  it("writes who gets what before any handler has it, and what was settled after that", async () => {
    const { clock, transport, written } = await world();
    for (const each of ["a", "b", "bad"]) transport.send(message(each));
    await clock.advance(0);
    written.length = 0;
    const writtenThen: string[][][] = [];
    await transport.consume(
      "q",
      (m) => (writtenThen.push(kinds(written)), text(m) === "bad" ? "reject" : "ack"),
      { prefetch: 10 },
    );
    await clock.advance(0);
    await clock.advance(0);
    const hands = ["hand", "hand", "hand"];
    expect(writtenThen).toEqual([[hands], [hands], [hands]]);
    expect(kinds(written)).toEqual([hands, ["remove", "remove", "remove", "add"]]);
  });

  it("writes nothing of messages that need not last", async () => {
    const { clock, transport, written } = await world();
    const got: string[] = [];
    await transport.consume("q", (m) => (got.push(text(m)), "ack"), { prefetch: 1 });
    for (const each of ["a", "b"]) transport.send(message(each, { persistent: false }));
    await clock.advance(0);
    expect([got, written]).toEqual([["a", "b"], []]);
  });
});

describe("while the disk is full", () => {
  it("publishes that have to last fail and say why, the state too; calls go on; it mends itself", async () => {
    const made = await world();
    const { clock, transport } = made;
    const states: (string | undefined)[] = [];
    transport.watch(({ publishing, consuming, reason }) =>
      states.push(`${publishing} ${consuming} ${reason}`),
    );
    made.full = true;
    const lost = transport.publish(message("lost"));
    const refused = expect(lost).rejects.toMatchObject({
      code: "UNAVAILABLE",
      message: expect.stringContaining('"/data/broker.db" cannot be written (database or disk is full)'),
    });
    await clock.advance(0);
    await refused;
    await expect(transport.publish(message("refused"))).rejects.toMatchObject({ code: "UNAVAILABLE" });
    expect(transport.send(message("refused"))).toBe(false);
    const got: string[] = [];
    await transport.consume("q", (m) => (got.push(text(m)), "ack"), { prefetch: 1 });
    expect(transport.send(message("call", { persistent: false }))).toBe(true);
    await clock.advance(0);
    expect(got).toEqual(["call"]);
    made.full = false;
    await clock.advance(1_000);
    const published = transport.publish(message("after"));
    await clock.advance(0);
    await published;
    await clock.advance(0);
    expect(got).toEqual(["call", "after"]);
    expect(states).toEqual([expect.stringMatching(/^false false The journal/), "true true undefined"]);
  });

  it("no handler gets what cannot be noted, and nothing that was settled is forgotten", async () => {
    const made = await world();
    const { clock, transport, written } = made;
    for (const each of ["a", "b", "bad"]) transport.send(message(each));
    await clock.advance(0);
    const got: string[] = [];
    const held = Promise.withResolvers<"reject">();
    const handle = (m: Incoming) => (got.push(text(m)), text(m) === "a" ? held.promise : ("ack" as const));
    const consumer = await transport.consume("q", handle, { prefetch: 1 });
    await clock.advance(0);
    written.length = 0;
    made.full = true;
    held.resolve("reject");
    await clock.advance(0);
    await clock.advance(5_000);
    expect([got, written]).toEqual([["a"], []]);
    const stopped = consumer.stop();
    made.full = false;
    await clock.advance(1_000);
    await clock.advance(0);
    await stopped;
    expect(got).toEqual(["a", "b"]);
    expect(kinds(written)[0]).toEqual(["remove", "add", "hand"]);
    expect(await transport.inspect("dead")).toMatchObject({ messages: 1 });
  });

  it("a connection that breaks takes back what no handler had yet", async () => {
    const made = await world();
    const { clock, transport, broker } = made;
    transport.send(message("a"));
    await clock.advance(0);
    made.full = true;
    const got: number[] = [];
    await transport.consume("q", (m) => (got.push(m.returns), "ack"), { prefetch: 1 });
    await clock.advance(0);
    broker.cut(transport);
    await clock.advance(0);
    made.full = false;
    await clock.advance(1_000);
    await clock.advance(0);
    expect(got).toEqual([1]);
    expect(await transport.inspect("q")).toEqual({ messages: 0, consumers: 1 });
  });

  it("nothing keeps the process once everybody is gone", async () => {
    const made = await world();
    made.full = true;
    made.transport.publish(message("a")).catch(() => undefined);
    await made.clock.advance(0);
    expect(made.timers).toBe(1);
    await made.transport.close({ drainMs: 0 });
    expect(made.timers).toBe(0);
  });
});
