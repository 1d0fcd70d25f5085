import { describe, expect, it, vi } from "vitest";
import { z } from "zod";
import { type Saga, type Store, saga } from "../src/index.ts";
import { beginRun } from "../src/saga/beginning.ts";
import { ledger } from "../src/saga/ledger.ts";
import { migrate } from "../src/store/migrate.ts";
import { virtualClock } from "../src/testing/virtual-clock.ts";
import { sagaWorld, stores } from "./sagas-world.ts";
import { gate } from "./shape-world.ts";

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
    expect((await rows.claim([plan], 10)).map(({ id }) => id).sort()).toEqual(["a", "c"]);
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
