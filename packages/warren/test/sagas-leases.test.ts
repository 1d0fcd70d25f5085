import { describe, expect, it, vi } from "vitest";
import { z } from "zod";
import { Fault, type Saga, type Sql, type Store, saga } from "../src/index.ts";
import { beginRun } from "../src/saga/beginning.ts";
import { LeaseLost, type Ledger, ledger } from "../src/saga/ledger.ts";
import type { SagaPlan } from "../src/saga/plan.ts";
import { firstRow, type Run, runOf } from "../src/saga/run.ts";
import { migrate } from "../src/store/migrate.ts";
import { virtualClock } from "../src/testing/virtual-clock.ts";
import { sagaWorld, stores } from "./sagas-world.ts";
import { gate } from "./shape-world.ts";
import { sdk } from "./telemetry-world.ts";

const input = z.object({ slow: z.boolean() });

/** A store whose statements fail while `fails` says so of them. */
function failing(
  store: Store,
  fails: (text: string, values: readonly unknown[], committed: boolean) => boolean,
): Store {
  const refuse = (text: string, values: readonly unknown[] = [], committed = false): void => {
    if (fails(text, values, committed)) throw new Error("the connection was lost");
  };
  return {
    ...store,
    async query(text, values) {
      refuse(text, values);
      return store.query(text, values);
    },
    async begin() {
      const transaction = await store.begin();
      const said: string[] = [];
      return {
        ...transaction,
        async query(text, values) {
          said.push(text);
          refuse(text, values);
          return transaction.query(text, values);
        },
        commit: async () => {
          try {
            refuse(said.join("; "), [], true);
          } catch (error) {
            await transaction.rollback();
            throw error;
          }
          await transaction.commit();
        },
      };
    },
  };
}

describe.each(stores)("the lease of a run, on $name", (kind) => {
  const world = sagaWorld(kind);

  /** One run that is under way until `hold` opens, beside which others come and go. */
  function working(store: Store, hold: Promise<void>): Saga<z.infer<typeof input>, string> {
    return saga("work", { input, store, leaseMs: 300 })
      .step("one", {
        async do({ input, id }) {
          world().done.push(`one ${id}`);
          if (input.slow) await hold;
        },
      })
      .finish(() => "finished");
  }

  it("is given up where the run could not be read, whatever else its process works on", async () => {
    const hold = gate();
    let left = 1;
    const store = failing(
      world().store(),
      (text, values) => text.includes("from warren_saga_steps") && values[1] === "victim" && left-- > 0,
    );
    const work = working(store, hold.promise);
    const shop = await world().start({ sagas: [work] });
    await shop.begin(work, { slow: true }, { id: "long" });
    await vi.waitFor(() => expect(world().done).toEqual(["one long"]));
    expect(await shop.run(work, { slow: false }, { id: "victim", timeoutMs: 5_000 })).toBe("finished");
    hold.open();
  });

  it("is over in time where a run could not even be given back, whatever else its process works on", async () => {
    const hold = gate();
    let broken = true;
    const givesBack = /^update warren_sagas set (state = \$1, )?due_at = \$\d, leased_by/;
    const store = failing(world().store(), (text, values) => {
      if (!broken || !values.includes("victim")) return false;
      if (givesBack.test(text) && !text.includes("returning")) {
        broken = false;
        return true;
      }
      return text.includes("from warren_saga_steps");
    });
    const work = working(store, hold.promise);
    const shop = await world().start({ sagas: [work] });
    await shop.begin(work, { slow: true }, { id: "long" });
    await vi.waitFor(() => expect(world().done).toEqual(["one long"]));
    expect(await shop.run(work, { slow: false }, { id: "victim", timeoutMs: 5_000 })).toBe("finished");
    expect(broken).toBe(false);
    hold.open();
  });

  it("is given up with a try whose beginning could not be written, which is traced as failed", async () => {
    let left = 1;
    const store = failing(
      world().store(),
      (text, values) => text.includes("into warren_saga_steps") && values.includes("victim") && left-- > 0,
    );
    const work = working(store, Promise.resolve());
    const { options, spans } = sdk();
    const shop = await world().start({ sagas: [work], telemetry: options });
    expect(await shop.run(work, { slow: false }, { id: "victim", timeoutMs: 5_000 })).toBe("finished");
    const tries = spans().filter((span) => span.name === "run work.one");
    expect(tries.map(({ attributes }) => attributes["error.type"])).toEqual(["_OTHER", undefined]);
  });

  it("is taken of all that are due but the one whose statement failed", async () => {
    const store = failing(
      world().store(),
      (text, values) => text.startsWith("update warren_sagas set leased_by") && values.includes("b"),
    );
    await store.open();
    await migrate(store);
    const { plan } = working(store, Promise.resolve());
    for (const id of ["a", "b", "c"])
      await beginRun(store, plan, {
        ...{ id, input: "{}", conversation: undefined, principal: undefined, now: 0 },
      });
    const rows = ledger({ store, clock: virtualClock(1), instance: "me" });
    expect((await rows.claim([plan], 10, [])).map(({ id }) => id).sort()).toEqual(["a", "c"]);
  });

  it("lasts as long as the saga itself says, whatever another one in its store says", async () => {
    const made = (name: string, leaseMs: number, hold: Promise<void>): Saga<object, undefined> =>
      saga(name, { input: z.object({}), store, leaseMs })
        .step("one", { do: () => hold })
        .finish();
    const store = world().store();
    const hold = gate();
    const clock = virtualClock();
    const [quick, slow] = [made("quick", 1_000, hold.promise), made("slow", 600_000, hold.promise)];
    const shop = await world().start({ sagas: [quick, slow], clock });
    for (const each of [quick, slow]) await shop.begin(each, {}, { id: "a" });
    const { rows } = await store.query<{ saga: string; due_at: number }>(
      "select saga, due_at from warren_sagas order by saga",
    );
    expect(rows).toEqual([
      { saga: "quick", due_at: clock.now() + 1_000 },
      { saga: "slow", due_at: clock.now() + 600_000 },
    ]);
    hold.open();
  });

  it("is given back where the end of a run could not be committed, and the run is not taken for ended", async () => {
    let left = 1;
    const store = failing(
      world().store(),
      (text, _, committed) => committed && text.includes("set output") && left-- > 0,
    );
    const work = working(store, Promise.resolve());
    const shop = await world().start({ sagas: [work] });
    expect(await shop.run(work, { slow: false }, { id: "a" })).toBe("finished");
    expect(left).toBeLessThan(1);
  });
});

/** Two processes on one store; the clock of both stands still. */
async function twoLedgers(store: Store) {
  await store.open();
  await migrate(store);
  const clock = virtualClock();
  const { plan } = saga("work", { input: z.object({}), store, leaseMs: 1_000 })
    .step("one", { do: () => 1 })
    .finish();
  const begin = async (id: string): Promise<void> =>
    void (await beginRun(store, plan, {
      ...{ id, input: "{}", conversation: undefined, principal: undefined, now: clock.now() },
    }));
  const made = (instance: string): Ledger => ledger({ store, clock, instance });
  return { clock, plan, begin, mine: made("me"), others: made("other") };
}

async function taken(rows: Ledger, plan: SagaPlan): Promise<Run> {
  const [row] = await rows.claim([plan], 1, []);
  return runOf(plan, row!, {}, []);
}

const one = (): ReturnType<typeof firstRow> => firstRow("one", "running", 0, null);
const writing: Record<string, (rows: Ledger, sql: Sql, run: Run) => Promise<void>> = {
  hold: (rows, sql, run) => rows.hold(sql, run),
  putStep: (rows, sql, run) => rows.putStep(sql, run, one()),
  change: (rows, sql, run) => rows.change(sql, run, { state: "running", dueAt: null, keep: true }),
  saveStep: (rows, _, run) => rows.saveStep(run, one()),
  fail: (rows, _, run) => rows.fail(run, undefined, new Error("no")),
  end: (rows, _, run) => rows.end(run, "done"),
  rest: (rows, _, run) => rows.rest(run, "running", 0),
};

describe.each(stores)("a lease that was lost and is the same process's again, on $name", (kind) => {
  const world = sagaWorld(kind);

  it("is another one: what was under way before writes nothing", async () => {
    const store = world().store();
    const { clock, plan, begin, mine, others } = await twoLedgers(store);
    await begin("a");
    const stale = await taken(mine, plan);
    await clock.advance(1_000);
    await others.rest(await taken(others, plan), "running", clock.now());
    const fresh = await taken(mine, plan);
    const before = await store.query("select * from warren_sagas");
    await clock.advance(1);

    for (const [name, write] of Object.entries(writing))
      await expect(write(mine, store, stale), name).rejects.toThrow(LeaseLost);
    const lease = { saga: "work", id: "a", fence: stale.fence };
    await mine.renew(plan, [lease]);
    await mine.leave(lease, 0);
    expect((await store.query("select * from warren_sagas")).rows).toEqual(before.rows);
    expect((await store.query("select * from warren_saga_steps")).rows).toEqual([]);

    await mine.renew(
      plan,
      [fresh, stale].map(({ id, fence }) => ({ saga: "work", id, fence })),
    );
    expect((await store.query("select due_at from warren_sagas")).rows).toEqual([
      { due_at: clock.now() + 1_000 },
    ]);
    await mine.saveStep(fresh, one());
    await mine.end(fresh, "done");
  });

  it("is another one also where the run was deleted meanwhile and begun anew", async () => {
    const store = world().store();
    const { clock, plan, begin, mine } = await twoLedgers(store);
    await begin("a");
    const stale = await taken(mine, plan);
    await store.query("delete from warren_sagas");
    await clock.advance(1_000);
    await begin("a");
    await taken(mine, plan);
    await expect(mine.saveStep(stale, one())).rejects.toThrow(LeaseLost);
  });

  it("is not taken while the process works on the run still, and others that are due are", async () => {
    const { clock, plan, begin, mine, others } = await twoLedgers(world().store());
    await begin("a");
    await mine.claim([plan], 1, []);
    await clock.advance(1_000);
    await begin("b");
    const busy = [{ saga: "work", id: "a" }];
    expect((await mine.claim([plan], 1, busy)).map(({ id }) => id)).toEqual(["b"]);
    expect((await others.claim([plan], 2, [])).map(({ id }) => id)).toEqual(["a"]);
  });

  const restMs = 600_000;
  /** A saga whose step, or the undo of it, waits for `hold` the first time, and then has an effect; after it the run rests. */
  function effective(
    what: "step" | "undo",
    store: Store,
    hold: () => Promise<void>,
  ): Saga<object, undefined> {
    const act = async ({ db }: { readonly db: Sql }): Promise<void> => {
      world().done.push(what);
      await hold();
      await db.query("insert into effects values (1)");
    };
    const undoRetry = { attempts: 10, baseMs: 2 * restMs, capMs: 2 * restMs };
    const begun = saga("work", {
      input: z.object({}),
      store: store as Store<Sql>,
      leaseMs: 10_000,
      undoRetry,
    });
    const timeoutMs = 86_400_000;
    if (what === "step") return begun.step("one", { do: act, timeoutMs }).sleep("rest", restMs).finish();
    return begun
      .step("rest", {
        do: () => undefined,
        undo({ attempt }) {
          if (attempt === 1) throw new Error("not yet");
        },
      })
      .step("one", {
        do() {
          throw new Fault("NO", {});
        },
        undo: act,
        timeoutMs,
      })
      .finish();
  }

  it.each(["step", "undo"] as const)("lets what a try does commit once: %s", async (what) => {
    const clock = virtualClock();
    const held = gate();
    let looks = 0;
    const slow = failing(world().store(), (text) => {
      if (text.startsWith("select due_at from warren_sagas")) looks++;
      return text.startsWith("update warren_sagas set due_at = $1") && text.includes("where leased_by");
    });
    const work = effective(what, slow, () => held.promise);
    const shop = await world().start({ sagas: [work], clock });
    await slow.query("create table effects (n bigint)");
    await shop.begin(work, {}, { id: "a" });
    await vi.waitFor(() => expect(world().done).toEqual([what]), 5_000);

    const other = await world().start({
      sagas: [effective(what, world().store(), async () => {})],
      clock,
      random: () => 0.5,
    });
    await clock.advance(10_000);
    const run = async () => (await shop.sagas.show(work, "a"))!;
    await vi.waitFor(async () => {
      await clock.advance(1_000);
      expect(world().done).toEqual([what, what]);
      expect((await run()).instance).toBeUndefined();
    }, 5_000);
    await other.stop();
    await clock.advance(restMs);
    const before = looks;
    await vi.waitFor(async () => {
      await clock.advance(1_000);
      expect(looks).toBeGreaterThan(before + 2);
    }, 5_000);
    // Others could have it: this process is not done with what it has lost.
    const state = what === "step" ? "waiting" : "compensating";
    expect(await run()).toMatchObject({ state, instance: undefined });
    held.open();
    await vi.waitFor(async () => {
      await clock.advance(1_000);
      expect((await run()).state).toBe(what === "step" ? "done" : "failed");
    }, 5_000);
    expect(world().warned).toContain("another process went on with a run, since this one was too slow");
    expect((await slow.query("select * from effects")).rows).toHaveLength(1);
  });
});
