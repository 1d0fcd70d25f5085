import { describe, expect, it } from "vitest";
import { z } from "zod";
import { embedded } from "../src/embedded/index.ts";
import { inbox } from "../src/inbox/inbox.ts";
import { app, type Store, saga, silent } from "../src/index.ts";
import { beginRun } from "../src/saga/beginning.ts";
import { ledger } from "../src/saga/ledger.ts";
import { firstRow, runOf } from "../src/saga/run.ts";
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

  it("goes with it: ended runs of sagas that no app has, with their steps, and events that no run waits for", async () => {
    const clock = virtualClock();
    const store = await filled(0, clock.now());
    const rows = ledger({ store, clock, instance: "me" });
    const { plan } = saga("gone", { input: z.object({}), store, keepMs: dayMs })
      .step("one", { do: () => 1 })
      .finish();
    for (let n = 0; n < 600; n++) {
      const lease = { by: "me", until: clock.now() + dayMs };
      const row = await beginRun(store, plan, {
        ...{
          id: `${n}`,
          input: "{}",
          conversation: undefined,
          principal: undefined,
          now: clock.now(),
          lease,
        },
      });
      const run = runOf(plan, row!, {}, []);
      await rows.saveStep(run, firstRow("one", "done", clock.now(), null));
      // One of them is still under way.
      if (n > 0) await rows.end(run, n === 1 ? "failed" : "done");
    }
    await store.query("update warren_sagas set state = 'waiting', waiting = $1 where id = '0'", [
      "paid\nmine",
    ]);
    for (const key of ["mine", "other"])
      await store.query(
        `insert into warren_saga_signals (saga, step, key, message_id, event, received_at, expires_at)
          values ('gone', 'paid', $1, 'm', '{}', $2, $3)`,
        [key, clock.now(), clock.now() + 1],
      );
    const deletes: number[] = [];
    const watching: Store = {
      ...store,
      async query(text, values) {
        const result = await store.query<any>(text, values);
        if (text.startsWith("delete from warren_sagas")) deletes.push(result.changes);
        return result;
      },
    };
    const sweeping = sweeper({
      ...{ store: watching, expiring: expiringOf(), clock, random: () => 0.5, log: silent },
    });
    sweeping.start();
    await clock.advance(60_000);
    await expect.poll(() => deletes).toEqual([0]);
    await clock.advance(dayMs);
    await expect
      .poll(async () => {
        await clock.advance(60_000);
        return count(store, "warren_sagas");
      })
      .toBe(1);
    await sweeping.stop();
    expect(Math.max(...deletes)).toBe(500);
    expect(await count(store, "warren_saga_steps")).toBe(1);
    const { rows: left } = await store.query<{ key: string }>("select key from warren_saga_signals");
    expect(left).toEqual([{ key: "mine" }]);
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
