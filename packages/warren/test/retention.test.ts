import { describe, expect, it } from "vitest";
import { embedded } from "../src/embedded/index.ts";
import { inbox } from "../src/inbox/inbox.ts";
import { app, type Store, silent } from "../src/index.ts";
import { migrate } from "../src/store/migrate.ts";
import { expiringOf } from "../src/store/retention.ts";
import { sweeper } from "../src/store/sweep.ts";
import { virtualClock } from "../src/testing/index.ts";
import { stores } from "./stores.ts";

const dayMs = 86_400_000;
const mark = (n: number) => ({ consumer: "books on orders.placed", messageId: `m-${n}` });

describe.each(stores)("what a store keeps to do things once, on $name", ({ fresh }) => {
  async function filled(events: number, at: number): Promise<Store> {
    const store = (await fresh()).open();
    await store.open();
    await migrate(store);
    const clock = virtualClock(at);
    const marks = Array.from({ length: events }, (_, n) => mark(n));
    await inbox(store, clock).claimAll(store, marks);
    return store;
  }

  const count = async (store: Store, table = "warren_inbox"): Promise<number> =>
    (await store.query<{ n: number }>(`select count(*) as n from ${table}`)).rows[0]!.n;

  /** A store whose deletes of events are counted. */
  function watched(store: Store) {
    const deletes: number[] = [];
    const watching: Store = {
      ...store,
      async query(text, values) {
        const result = await store.query<any>(text, values);
        if (text.startsWith("delete from warren_inbox")) deletes.push(result.changes);
        return result;
      },
    };
    return { deletes, watching };
  }

  it("goes when its time is over, a little at a time, and not before", async () => {
    const clock = virtualClock();
    const { deletes, watching } = watched(await filled(1_200, clock.now()));
    const sweeping = sweeper({
      store: watching,
      expiring: expiringOf({ eventsMs: dayMs }),
      clock,
      random: () => 0.5,
      log: silent,
    });
    sweeping.start();
    await clock.advance(60_000);
    await expect.poll(() => deletes).toEqual([0]);
    expect(await count(watching)).toBe(1_200);
    await clock.advance(dayMs);
    await expect
      .poll(async () => {
        await clock.advance(60_000);
        return count(watching);
      })
      .toBe(0);
    expect(Math.max(...deletes)).toBe(500);
    await sweeping.stop();
  });

  it("is swept by one process at a time, and by another one when that is gone", async () => {
    const clock = virtualClock();
    const store = await filled(1, clock.now());
    const [one, two] = [watched(store), watched(store)];
    const sweepers = [one, two].map(({ watching }, i) =>
      sweeper({
        store: watching,
        expiring: expiringOf(),
        clock,
        random: () => 0.5 + i / 100,
        log: silent,
      }),
    );
    for (const each of sweepers) each.start();
    await clock.advance(61_000);
    // Whichever asked first.
    await expect.poll(() => one.deletes.length + two.deletes.length).toBe(1);
    const [first, other] = one.deletes.length === 1 ? ([0, two] as const) : ([1, one] as const);
    await sweepers[first]!.stop();
    await expect
      .poll(async () => {
        await clock.advance(61_000);
        return other.deletes.length;
      })
      .toBeGreaterThan(0);
    await sweepers[1 - first]!.stop();
  });

  it("is kept for the time that the app was told, which has to be one", async () => {
    const clock = virtualClock();
    const store = await filled(3, clock.now());
    const made = app({
      transport: embedded(),
      stores: [store],
      retention: { eventsMs: 5_000 },
      clock,
      random: () => 0.5,
      log: silent,
    });
    await made.start();
    await expect
      .poll(async () => {
        await clock.advance(10_000);
        return count(store);
      })
      .toBe(0);
    await Promise.all([made.stop(), clock.advance(20_000)]);
    for (const eventsMs of [0, Number.NaN, -1])
      expect(() => app({ transport: embedded(), retention: { eventsMs } })).toThrow("retention.eventsMs");
  });
});
