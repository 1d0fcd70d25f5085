import { describe, expect, it } from "vitest";
import { contract, names, retryAfter, service } from "../src/index.ts";
import { virtualClock } from "../src/testing/index.ts";
import { journal, orderWorld, patient, seeded, turns, upTo } from "./in-order-world.ts";
import { gate, transports } from "./shape-world.ts";

const keys = ["a", "b", "c", "d", "e", "f", "g", "h"];

describe.each(transports)("reactions in order, on %s", (transport) => {
  const world = orderWorld(transport);

  it.each([1, 2, 3])(
    "run per key in the order of publishing, whatever fails and however long it takes (seed %i)",
    async (seed) => {
      const { connect, start, ledger, bank } = world();
      const random = seeded(seed);
      const seen = journal();
      const { effects, during, of, overlaps } = seen;
      const books = ledger(
        (booking) =>
          during(booking, async () => {
            await turns(random, 4);
            if (random() < 0.2) throw new Error("not yet");
            effects.push(booking);
          }),
        { concurrency: 20 },
      );
      const all = await start(connect(), [books]);
      for (const n of upTo(25))
        for (const key of keys) {
          const event = random() < 0.5 ? bank.events.paid : bank.events.refunded;
          await all.emit(event, { key, n });
        }
      await expect.poll(() => effects.length, { timeout: 10_000 }).toBe(200);
      for (const key of keys) expect(of(key)).toEqual(upTo(25));
      expect(overlaps).toEqual([]);
      expect(seen.most).toBeGreaterThan(1);
    },
  );

  it("hold up no other key while one is tried again, and their own key until it is done", async () => {
    const { connect, start, ledger, bank } = world();
    const done: string[] = [];
    const books = ledger(({ key, n }) => {
      if (key === "a" && n === 1 && done.filter((each) => each.startsWith("b")).length < 20)
        throw new Error("not before all of b");
      done.push(`${key}${n}`);
    });
    const all = await start(connect(), [books]);
    for (const n of upTo(20)) for (const key of ["a", "b"]) await all.emit(bank.events.paid, { key, n });
    await expect.poll(() => done.length, { timeout: 5_000 }).toBe(40);
    expect(done.slice(0, 20)).toEqual(upTo(20).map((n) => `b${n}`));
    expect(done.slice(20)).toEqual(upTo(20).map((n) => `a${n}`));
  });

  it("run at most `concurrency` at once, and none waiting for a retry takes a place", async () => {
    const { connect, start, ledger, bank } = world();
    const [seen, held] = [journal(), gate()];
    let done = 0;
    const books = ledger(
      (booking) =>
        seen.during(booking, async () => {
          if (booking.key.startsWith("failing")) throw new Error("for a minute");
          await held.promise;
          done++;
        }),
      { concurrency: 3, retry: { attempts: 10, baseMs: 60_000, capMs: 60_000 } },
    );
    const all = await start(connect(), [books]);
    for (const n of upTo(5)) await all.emit(bank.events.paid, { key: `failing ${n}`, n });
    for (const n of upTo(10)) await all.emit(bank.events.paid, { key: `slow ${n}`, n });
    await expect.poll(() => seen.most).toBe(3);
    held.open();
    await expect.poll(() => done).toBe(10);
    expect(seen.most).toBe(3);
  });

  it("with `true` have one order for all, and stay at one at a time", async () => {
    const { connect, start, ledger, bank } = world();
    const random = seeded(7);
    const done: number[] = [];
    let running = 0;
    const books = ledger(
      async ({ n }) => {
        expect(++running).toBe(1);
        await turns(random, 3);
        running--;
        if (random() < 0.3) throw new Error("not yet");
        done.push(n);
      },
      { inOrder: true },
    );
    const all = await start(connect(), [books]);
    for (const n of upTo(40)) await all.emit(bank.events.paid, { key: keys[n % 8]!, n });
    await expect.poll(() => done.length, { timeout: 5_000 }).toBe(40);
    expect(done).toEqual(upTo(40));
  });

  it("that fail to the end leave a gap: a dead letter, and then the next runs; replayed, it comes last", async () => {
    const { connect, start, ledger, bank, dead, queue } = world();
    let broken = true;
    const done: string[] = [];
    const books = ledger(
      ({ n }, { attempt }) => {
        done.push(`${n} try ${attempt}`);
        if (n === 1 && broken) throw new Error("the account is closed");
      },
      { retry: { ...patient, attempts: 3 } },
    );
    const transport = connect();
    const all = await start(transport, [books]);
    for (const n of [1, 2]) await all.emit(bank.events.paid, { key: "a", n });
    await expect.poll(() => done).toEqual(["1 try 1", "1 try 2", "1 try 3", "2 try 1"]);
    broken = false;
    const other = connect();
    await other.consume(
      dead,
      async (letter) => {
        expect(letter.headers).toMatchObject({
          "warren-reason": "failed",
          "warren-queue": queue,
          "warren-attempt": 3,
        });
        const { "warren-attempt": _, ...headers } = letter.headers!;
        const home = { exchange: names.deliverExchange, key: queue, headers };
        await other.publish({ ...letter, ...home, mandatory: true });
        return "ack" as const;
      },
      { prefetch: 1 },
    );
    await expect.poll(() => done.slice(4)).toEqual(["1 try 1"]);
  });

  it("of what cannot be read, is unknown or has no key are dead letters at once, and hold up nothing", async () => {
    const { connect, start, ledger, bank, dead, queue } = world();
    const done: number[] = [];
    const books = ledger(({ n }) => done.push(n), {
      inOrder: ({ key }) => (key === "none" ? (undefined as never) : key),
    });
    const transport = connect();
    const all = await start(transport, [books]);
    const type = bank.events.paid.id;
    const bad = [
      { type, body: "{" },
      { type, body: '{"key":1}' },
      { type, body: '{"key":"none","n":1}' },
      { type: "nobody.knows", body: "{}" },
      { type: undefined, body: "" },
    ];
    for (const { type, body } of bad)
      await transport.publish({
        exchange: "",
        key: queue,
        type,
        body: Buffer.from(body),
        contentType: "application/json",
        persistent: true,
        mandatory: true,
      });
    await all.emit(bank.events.paid, { key: "a", n: 7 });
    const reasons: unknown[] = [];
    await connect().consume(dead, ({ headers }) => (reasons.push(headers?.["warren-reason"]), "ack"), {
      prefetch: 1,
    });
    await expect.poll(() => reasons.length).toBe(5);
    expect(reasons.map(String).toSorted((a, b) => a.localeCompare(b))).toEqual([
      "failed",
      "invalid",
      "undecodable",
      "unknown",
      "unknown",
    ]);
    await expect.poll(() => done).toEqual([7]);
  });

  it("take an event that was published twice for two: the second runs after the first", async () => {
    const { connect, start, ledger, bank, queue } = world();
    const done: string[] = [];
    const transport = connect();
    await start(transport, [ledger(({ n }, { messageId }) => done.push(`${messageId} ${n}`))]);
    for (const [messageId, n] of [
      ["x", 1],
      ["y", 2],
      ["x", 1],
    ] as const)
      await transport.publish({
        exchange: "",
        key: queue,
        type: bank.events.paid.id,
        messageId,
        body: Buffer.from(JSON.stringify({ key: "a", n })),
        contentType: "application/json",
        persistent: true,
        mandatory: true,
      });
    await expect.poll(() => done).toEqual(["x 1", "y 2", "x 1"]);
  });

  it("have a queue of their own, and only where a service has such reactions", async () => {
    const { connect, start, ledger, bank, queue } = world();
    const transport = connect();
    const plain = service(contract(`plain-${bank.name}`, {}), {
      uses: { bank },
      methods: {},
      on: { [bank.events.paid.id]: () => {} } as never,
    });
    await start(transport, [ledger(() => {}), plain]);
    expect(await transport.inspect(queue)).toEqual({ messages: 0, consumers: 1 });
    expect(await transport.inspect(names.events(plain.contract.name))).toEqual({ messages: 0, consumers: 1 });
    expect(await transport.inspect(names.orderedEvents(plain.contract.name))).toBeUndefined();
    expect(await transport.inspect(queue.replace(".ordered", ""))).toBeUndefined();
  });
});

describe("a reaction in order that is tried again in place", () => {
  const clock = virtualClock();
  const world = orderWorld("embedded", clock);

  it("holds up its key for 15 minutes at the longest, then is a dead letter", async () => {
    const { connect, start, ledger, bank, dead } = world();
    const done: number[] = [];
    let tries = 0;
    const transport = connect();
    const all = await start(transport, [
      ledger(
        ({ n }) => {
          if (n === 1) tries++;
          if (n === 1) throw new Error("never");
          done.push(n);
        },
        { retry: { attempts: 10_000, baseMs: 10_000, capMs: 10_000 } },
      ),
    ]);
    for (const n of [1, 2]) await all.emit(bank.events.paid, { key: "a", n });
    await clock.advance(14.8 * 60_000);
    expect(done).toEqual([]);
    expect(tries).toBeGreaterThan(100);
    await clock.advance(0.2 * 60_000);
    expect(done).toEqual([2]);
    expect(await transport.inspect(dead)).toMatchObject({ messages: 1 });
  });

  it("and cannot be buried for minutes is not given back, since the next would overtake it", async () => {
    const { connect, start, ledger, bank, dead } = world();
    const events: string[] = [];
    const on = connect();
    const publish = on.publish.bind(on);
    let refusals = 10;
    on.publish = (message) => {
      if (message.key !== dead) return publish(message);
      if (refusals-- > 0) return Promise.reject(new Error("The queue is full."));
      events.push("buried");
      return publish(message);
    };
    const all = await start(on, [
      ledger(
        ({ n }) => {
          events.push(`runs ${n}`);
          if (n === 1) throw new Error("never");
        },
        { retry: { attempts: 1 } },
      ),
    ]);
    for (const n of [1, 2]) await all.emit(bank.events.paid, { key: "a", n });
    await clock.advance(10 * 60_000);
    expect(events).toEqual(["runs 1", "buried", "runs 2"]);
  });

  it("and asks for a longer wait than that becomes a dead letter at once", async () => {
    const { connect, start, ledger, bank, dead } = world();
    const done: number[] = [];
    const transport = connect();
    const all = await start(transport, [
      ledger(({ n }) => {
        if (n === 1) throw retryAfter(16 * 60_000);
        done.push(n);
      }),
    ]);
    for (const n of [1, 2]) await all.emit(bank.events.paid, { key: "a", n });
    await clock.advance(0);
    expect(done).toEqual([2]);
    expect(await transport.inspect(dead)).toMatchObject({ messages: 1 });
  });
});

describe("`inOrder`", () => {
  const press = contract("press", { events: { out: contractEvent() } });
  const reading = (reaction: object) => () =>
    service(contract("reader", {}), { uses: { press }, methods: {}, on: { "press.out": reaction } as never });

  it("is refused together with every instance, or where it is neither true nor a function", () => {
    expect(reading({ run: () => {}, inOrder: true, to: "every-instance" })).toThrow(TypeError);
    expect(reading({ run: () => {}, inOrder: "key" })).toThrow(/inOrder is true, or a function/);
    expect(reading({ run: () => {}, inOrder: true, to: "group" })).not.toThrow();
  });
});

function contractEvent() {
  return { "~standard": { version: 1, vendor: "test", validate: (value: unknown) => ({ value }) } } as const;
}
