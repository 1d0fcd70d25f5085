import { describe, expect, it } from "vitest";
import type { Transport } from "../src/index.ts";
import { type Booking, journal, orderWorld, seeded, turns, upTo } from "./in-order-world.ts";
import { proxied } from "./rabbit.ts";
import { gate, transports } from "./shape-world.ts";

const keys = ["a", "b", "c", "d", "e"];

describe.each(transports)("the order of reactions, on %s,", (transport) => {
  const world = orderWorld(transport);

  /** A connection that can be cut. */
  async function breakable(): Promise<{ readonly on: Transport; cut(): void }> {
    const { broker, connect } = world();
    if (transport === "embedded") {
      const on = connect();
      return { on, cut: () => broker.cut(on) };
    }
    const { proxy, url } = await proxied();
    return { on: connect(url), cut: () => void proxy.cut() };
  }

  function unsteady(seed: number, { during, effects }: ReturnType<typeof journal>, failing: number) {
    const random = seeded(seed);
    return (booking: Booking): Promise<void> =>
      during(booking, async () => {
        await turns(random, 6);
        if (random() < failing) throw new Error("not yet");
        effects.push(booking);
      });
  }

  it("outlasts a rolling restart under load: nothing runs twice, nothing is overtaken, nothing is given up", async () => {
    const { connect, start, ledger, bank, dead, queue } = world();
    const seen = journal();
    const run = unsteady(11, seen, 0.1);
    const publisher = await start(connect());
    let old = await start(connect(), [ledger(run)]);
    let next = await start(connect(), [ledger(run)]);
    let emitted = 0;
    const emitting = (async () => {
      for (const n of upTo(80))
        for (const key of keys) {
          await publisher.emit(bank.events.paid, { key, n });
          emitted++;
        }
    })();
    for (const round of upTo(4)) {
      await expect.poll(() => emitted, { timeout: 10_000, interval: 5 }).toBeGreaterThan(round * 80);
      await old.stop();
      old = next;
      next = await start(connect(), [ledger(run)]);
    }
    await emitting;
    await expect.poll(() => seen.distinct, { timeout: 10_000 }).toBe(400);
    for (const key of keys) expect(seen.of(key)).toEqual(upTo(80));
    expect(seen.overlaps).toEqual([]);
    const watcher = connect();
    expect(await watcher.inspect(dead)).toMatchObject({ messages: 0 });
    expect(await watcher.inspect(queue)).toMatchObject({ messages: 0 });
  }, 30_000);

  it("outlasts cut connections: what runs again does so before what comes after it", async () => {
    const { connect, start, ledger, bank, dead } = world();
    const seen = journal();
    const publisher = await start(connect());
    const { on, cut } = await breakable();
    await start(on, [ledger(unsteady(5, seen, 0.1))]);
    const emitting = (async () => {
      for (const n of upTo(40)) for (const key of keys) await publisher.emit(bank.events.paid, { key, n });
    })();
    for (const round of upTo(2)) {
      await expect.poll(() => seen.distinct, { timeout: 10_000, interval: 2 }).toBeGreaterThan(round * 40);
      cut();
      await expect.poll(() => on.state.consuming, { timeout: 10_000 }).toBe(true);
    }
    await emitting;
    await expect.poll(() => seen.distinct, { timeout: 10_000 }).toBe(200);
    for (const key of keys) expect(seen.firsts(key)).toEqual(upTo(40));
    expect(seen.overlaps).toEqual([]);
    expect(await on.inspect(dead)).toMatchObject({ messages: 0 });
  }, 30_000);

  it("waits for a reaction that runs through a cut, before its event runs again and those behind it follow", async () => {
    const { connect, start, ledger, bank } = world();
    const begun: number[] = [];
    const through = gate();
    const { on, cut } = await breakable();
    const publisher = await start(connect());
    await start(on, [
      ledger(async ({ key, n }) => {
        if (key !== "a") return void begun.push(n);
        begun.push(n);
        if (begun.length === 1) await through.promise;
      }),
    ]);
    for (const n of [1, 2]) await publisher.emit(bank.events.paid, { key: "a", n });
    await expect.poll(() => begun).toEqual([1]);
    cut();
    await expect.poll(() => on.state.consuming).toBe(true);
    await publisher.emit(bank.events.paid, { key: "b", n: 9 });
    // Behind them in the queue, so they have come again by now.
    await expect.poll(() => begun).toEqual([1, 9]);
    through.open();
    await expect.poll(() => begun).toEqual([1, 9, 1, 2]);
  });

  it("needs no dead letter of a last try that outlived its connection: the event comes again, and may be done then", async () => {
    const { connect, start, ledger, bank, dead } = world();
    const begun: string[] = [];
    const through = gate();
    const { on, cut } = await breakable();
    const publisher = await start(connect());
    const book = async ({ key, n }: Booking): Promise<void> => {
      begun.push(`${key} ${n}`);
      if (begun.length > 1) return;
      await through.promise;
      throw new Error("the connection of this try is lost as well");
    };
    await start(on, [ledger(book, { retry: { attempts: 1 } })]);
    await publisher.emit(bank.events.paid, { key: "a", n: 1 });
    await expect.poll(() => begun).toEqual(["a 1"]);
    cut();
    await expect.poll(() => on.state.consuming).toBe(true);
    await publisher.emit(bank.events.paid, { key: "b", n: 1 });
    await expect.poll(() => begun).toEqual(["a 1", "b 1"]);
    through.open();
    await expect.poll(() => begun).toEqual(["a 1", "b 1", "a 1"]);
    expect(await connect().inspect(dead)).toMatchObject({ messages: 0 });
  });

  it("is kept when another instance takes over: the one cut off begins nothing that it had not begun", async () => {
    const { broker, connect, start, ledger, bank } = world();
    const begun: string[] = [];
    const through = gate();
    const recording = (name: string, hold: boolean) =>
      ledger(async ({ n }) => {
        begun.push(`${name}${n}`);
        if (hold) await through.promise;
      });
    const publisher = await start(connect());
    let cutOff: () => Promise<unknown>;
    let on: Transport;
    if (transport === "embedded") {
      on = connect();
      cutOff = async () => broker.cut(on, { downMs: 100_000_000 });
    } else {
      const { proxy, url } = await proxied();
      on = connect(url);
      cutOff = () => proxy.set("refuse").then(() => proxy.cut());
    }
    await start(on, [recording("old ", true)]);
    for (const n of [1, 2, 3]) await publisher.emit(bank.events.paid, { key: "a", n });
    await expect.poll(() => begun).toEqual(["old 1"]);
    await start(connect(), [recording("new ", false)]);
    await cutOff();
    await expect.poll(() => begun).toEqual(["old 1", "new 1", "new 2", "new 3"]);
    await expect.poll(() => on.state.consuming).toBe(false);
    through.open();
    await publisher.emit(bank.events.paid, { key: "a", n: 4 });
    await expect.poll(() => begun).toEqual(["old 1", "new 1", "new 2", "new 3", "new 4"]);
  });

  it("is kept by an instance that stops while it waits for a retry: it does not wait, and the next one goes on there", async () => {
    const { connect, start, ledger, bank, dead } = world();
    const done: string[] = [];
    const publisher = await start(connect());
    const slow = { attempts: 5, baseMs: 600_000, capMs: 600_000 };
    const old = await start(connect(), [
      ledger(
        ({ key, n }) => {
          done.push(`old ${key}${n}`);
          if (key === "a") throw new Error("not here");
        },
        { retry: slow },
      ),
    ]);
    await start(connect(), [ledger(({ key, n }) => done.push(`new ${key}${n}`))]);
    for (const n of [1, 2]) await publisher.emit(bank.events.paid, { key: "a", n });
    await publisher.emit(bank.events.paid, { key: "b", n: 1 });
    await expect.poll(() => done).toEqual(["old a1", "old b1"]);
    const began = performance.now();
    await old.stop();
    expect(performance.now() - began).toBeLessThan(2_000);
    await expect.poll(() => done).toEqual(["old a1", "old b1", "new a1", "new a2"]);
    expect(await connect().inspect(dead)).toMatchObject({ messages: 0 });
  });

  it("is kept when the drain time is over in the middle of a reaction: it runs again elsewhere, before what follows", async () => {
    const { connect, start, ledger, bank, dead } = world();
    const done: string[] = [];
    const publisher = await start(connect());
    const old = await start(connect(), [
      ledger(({ n }) => {
        done.push(`old ${n}`);
        return new Promise(() => {});
      }),
    ]);
    await start(connect(), [ledger(({ n }) => done.push(`new ${n}`))]);
    for (const n of [1, 2]) await publisher.emit(bank.events.paid, { key: "a", n });
    await expect.poll(() => done).toEqual(["old 1"]);
    await old.stop({ drainMs: 30 });
    await expect.poll(() => done).toEqual(["old 1", "new 1", "new 2"]);
    expect(await connect().inspect(dead)).toMatchObject({ messages: 0 });
  });

  it("is kept while a dead letter cannot be buried: its key waits until the broker takes it", async () => {
    const { connect, start, ledger, bank, dead } = world();
    const events: string[] = [];
    const on = connect();
    const publish = on.publish.bind(on);
    let refusals = 1;
    on.publish = (message) => {
      if (message.key !== dead) return publish(message);
      const full = refusals-- > 0;
      events.push(full ? "refused" : "buried");
      return full ? Promise.reject(new Error("The queue is full.")) : publish(message);
    };
    await start(on, [
      ledger(
        ({ n }) => {
          events.push(`runs ${n}`);
          if (n === 1) throw new Error("never");
        },
        { retry: { attempts: 1 } },
      ),
    ]);
    const publisher = await start(connect());
    for (const n of [1, 2]) await publisher.emit(bank.events.paid, { key: "a", n });
    await expect.poll(() => events, { timeout: 5_000 }).toEqual(["runs 1", "refused", "buried", "runs 2"]);
    expect(await connect().inspect(dead)).toMatchObject({ messages: 1 });
  });

  it("is kept while an instance ends what it runs: no other gets anything before", async () => {
    const { connect, start, ledger, bank } = world();
    const done: string[] = [];
    const through = gate();
    const publisher = await start(connect());
    const old = await start(connect(), [
      ledger(async ({ key, n }) => {
        done.push(`old ${key}${n} begins`);
        await through.promise;
        done.push(`old ${key}${n}`);
      }),
    ]);
    await start(connect(), [ledger(({ key, n }) => done.push(`new ${key}${n}`))]);
    for (const n of [1, 2]) await publisher.emit(bank.events.paid, { key: "a", n });
    await expect.poll(() => done).toEqual(["old a1 begins"]);
    const stopped = old.stop();
    await publisher.emit(bank.events.paid, { key: "b", n: 1 });
    through.open();
    await stopped;
    await expect.poll(() => done).toHaveLength(4);
    expect(done.slice(0, 2)).toEqual(["old a1 begins", "old a1"]);
    expect(done.slice(2).toSorted((a, b) => a.localeCompare(b))).toEqual(["new a2", "new b1"]);
  });
});
