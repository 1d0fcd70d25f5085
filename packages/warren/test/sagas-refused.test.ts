import { describe, expect, it } from "vitest";
import { z } from "zod";
import { contract, isFault, rpc, type Service, saga, service } from "../src/index.ts";
import { OutcomeUnknown, type Store, StoreUnreachable } from "../src/store.ts";
import { fast, type SagaWorld, sagaWorld, stores } from "./sagas-world.ts";
import { faultOf } from "./shape-world.ts";

const nothing = z.object({});
const shelf = contract("shelf", {
  methods: {
    take: rpc({ input: nothing, errors: { OUT: {} } }),
    order: rpc({ input: nothing }),
    release: rpc({ input: nothing, errors: { LOCKED: {} } }),
  },
});

/** A service that keeps its answers, and notes what it was asked for. */
function keeping(world: SagaWorld, refuses: { take: number; release: number }): Service {
  return service(shelf, {
    store: world.store(),
    methods: {
      take(_, { fail }) {
        world.done.push("take");
        if (refuses.take-- > 0) throw fail.OUT();
      },
      order: () => void world.done.push("order"),
      release(_, { fail }) {
        world.done.push("release");
        if (refuses.release-- > 0) throw fail.LOCKED();
      },
    },
  }) as Service;
}

describe.each(stores)("a step whose call was refused, on $name", (kind) => {
  const world = sagaWorld(kind);

  it("asks again where its undo is tried once more, and a person need not wait until the answer is forgotten", async () => {
    const work = saga("work", { input: nothing, uses: { shelf }, store: world().store(), undoRetry: fast })
      .step("take", { do: ({ call }) => call.shelf.take({}), undo: ({ call }) => call.shelf.release({}) })
      .step("fail", {
        do: () => {
          throw new Error("no");
        },
        retry: { attempts: 1 },
      })
      .finish();
    const shop = await world().start({
      sagas: [work],
      services: [keeping(world(), { take: 0, release: 1 })],
    });
    expect(await faultOf(shop.run(work, {}, { id: "a" }))).toMatchObject({ code: "SAGA_STUCK" });
    await shop.sagas.retry(work, "a");
    expect(await faultOf(shop.run(work, {}, { id: "a" }))).toMatchObject({ code: "INTERNAL" });
    expect(world().done).toEqual(["take", "release", "release"]);
  });

  it("asks again in its next try where that is what its policy says, also of what it threw for it", async () => {
    const retry = { ...fast, when: (error: unknown) => isFault(error) || error instanceof RangeError };
    const work = saga("work", { input: nothing, uses: { shelf }, store: world().store(), retry })
      .step("both", {
        async do({ call, attempt }) {
          await call.shelf.order({});
          await call.shelf.take({}).catch((cause) => {
            throw attempt === 1 ? cause : new RangeError("not taken", { cause });
          });
        },
      })
      .finish();
    const shop = await world().start({
      sagas: [work],
      services: [keeping(world(), { take: 2, release: 0 })],
    });
    await shop.run(work, {}, { id: "a" });
    // What was answered well is not asked again.
    expect(world().done).toEqual(["order", "take", "take", "take"]);
  });

  it("goes the same way again where it went on from the refusal, and failed for another reason", async () => {
    const work = saga("work", { input: nothing, uses: { shelf }, store: world().store(), retry: fast })
      .step("either", {
        async do({ call, attempt }) {
          const taken = await call.shelf.take({}).then(
            () => true,
            () => false,
          );
          if (!taken) await call.shelf.order({});
          if (attempt === 1) throw new Error("busy");
          return taken;
        },
      })
      .finish(({ done }) => done.either);
    const shop = await world().start({
      sagas: [work],
      services: [keeping(world(), { take: 1, release: 0 })],
    });
    expect(await shop.run(work, {}, { id: "a" })).toBe(false);
    expect(world().done).toEqual(["take", "order"]);
  });
});

describe.each(stores)("a step whose end cannot be committed, on $name", (kind) => {
  const world = sagaWorld(kind);

  it("is tried as often as its policy says, and fails for the reason that there is", async () => {
    const store = world().store();
    const work = saga("work", { input: nothing, store, retry: fast, leaseMs: 60_000 })
      .step("one", {
        async do({ db, attempt }) {
          world().done.push(`one ${attempt}`);
          await db.query("insert into nowhere values (1)").catch(() => {});
        },
      })
      .finish();
    const shop = await world().start({ sagas: [work] });
    const fault = await faultOf(shop.run(work, {}, { id: "a", timeoutMs: 5_000 }));
    expect(fault).toMatchObject({ code: "INTERNAL", data: { step: "one" } });
    expect(fault.message).not.toContain("was begun");
    expect(world().done).toEqual(["one 1", "one 2", "one 3"]);
  });

  it("is no failure of it where the connection was lost, or nobody knows what came of it", async () => {
    const errors = [new StoreUnreachable("gone", undefined), new OutcomeUnknown("there", new Error("gone"))];
    const store = world().store();
    let ending = false;
    const broken: Store = {
      ...store,
      async begin() {
        const transaction = await store.begin();
        return {
          ...transaction,
          async commit() {
            const error = ending ? errors.shift() : undefined;
            ending = false;
            if (error === undefined) return transaction.commit();
            await transaction.rollback();
            throw error;
          },
        };
      },
    };
    const work = saga("work", { input: nothing, store: broken, leaseMs: 100, retry: { when: () => false } })
      .step("one", {
        do({ attempt }) {
          ending = world().done.push(`one ${attempt}`) < 3;
        },
      })
      .finish(() => "finished");
    const shop = await world().start({ sagas: [work] });
    expect(await shop.run(work, {}, { id: "a" })).toBe("finished");
    expect(world().done).toEqual(["one 1", "one 2", "one 3"]);
  });
});
