import { describe, expect, it, vi } from "vitest";
import { Fault, type Saga, type Store, saga } from "../src/index.ts";
import { virtualClock } from "../src/testing/virtual-clock.ts";
import { fast, order, type SagaWorld, sagaWorld, stores, threeSteps } from "./sagas-world.ts";
import { faultOf, gate } from "./shape-world.ts";

const book = { sku: "book", cents: 100 };

describe.each(stores)("a saga whose processes come and go, on $name", (kind) => {
  const world = sagaWorld(kind);

  it("is finished by another process when the one that ran it stops", async () => {
    const entered = gate();
    const held = gate();
    const slow = (hold: Promise<void>): Saga<typeof book, string> =>
      saga("checkout", { input: order, store: world().store(), retry: fast, leaseMs: 60_000 })
        .step("first", { do: () => void world().done.push("first") })
        .step("second", {
          async do({ attempt, signal }) {
            world().done.push(`second ${attempt}`);
            entered.open();
            await Promise.race([
              hold,
              new Promise((_, reject) => (signal.onabort = () => reject(signal.reason))),
            ]);
          },
        })
        .finish(() => "finished");
    const one = slow(held.promise);
    const shop = await world().start({ sagas: [one] });
    const left = faultOf(shop.run(one, book, { id: "o-1" }));
    await entered.promise;
    await shop.stop({ drainMs: 50 });
    expect(await left).toMatchObject({ code: "STOPPED" });

    const other = slow(Promise.resolve());
    const again = await world().start({ sagas: [other] });
    expect(await again.run(other, book, { id: "o-1" })).toBe("finished");
    // What was interrupted counts as no try: a deployment is no failure of a step.
    expect(world().done).toEqual(["first", "second 1", "second 1"]);
  });

  it("lets a step that is under way end when the process stops in time, and begins no further one", async () => {
    const entered = gate();
    const held = gate();
    const steps = (store: Store): Saga<typeof book, string> =>
      saga("checkout", { input: order, store, leaseMs: 60_000 })
        .step("first", {
          async do() {
            world().done.push("first");
            entered.open();
            await held.promise;
          },
        })
        .step("second", { do: () => void world().done.push("second") })
        .finish(() => "finished");
    const one = steps(world().store());
    const shop = await world().start({ sagas: [one] });
    await shop.begin(one, book, { id: "o-1" });
    await entered.promise;
    const stopped = shop.stop({ drainMs: 5_000 });
    held.open();
    await stopped;
    expect(world().done).toEqual(["first"]);
    const other = steps(world().store());
    expect(await (await world().start({ sagas: [other] })).run(other, book, { id: "o-1" })).toBe("finished");
    expect(world().done).toEqual(["first", "second"]);
  });

  it("is taken over when nobody renews its lease, and whoever had it writes nothing more", async () => {
    const clock = virtualClock();
    const entered = gate();
    const held = gate();
    let times = 0;
    const steps = (store: Store): Saga<typeof book, number> =>
      saga("checkout", { input: order, store, leaseMs: 1_000 })
        .step("first", {
          async do() {
            const time = ++times;
            if (time > 1) return time;
            entered.open();
            await held.promise;
            return time;
          },
        })
        .finish(({ done }) => done.first);
    const one = steps(world().store());
    const frozen = await world().start({ sagas: [one], clock: { ...clock, after: () => ({ cancel() {} }) } });
    await frozen.begin(one, book, { id: "o-1" });
    await entered.promise;
    const other = steps(world().store());
    const shop = await world().start({ sagas: [other], clock });
    const result = shop.run(other, book, { id: "o-1" });
    await vi.waitFor(async () => {
      await clock.advance(500);
      expect((await shop.sagas.show(other, "o-1"))?.state).toBe("done");
    });
    held.open();
    await vi.waitFor(() =>
      expect(world().warned).toContain("another process went on with a run, since this one was too slow"),
    );
    expect(await result).toBe(2);
    expect((await shop.sagas.show(other, "o-1"))?.steps[0]).toMatchObject({ result: 2, attempts: 2 });
  });

  it("gives up a step that was begun as often as it may be, each time with its process gone", async () => {
    const store = world().store();
    const deadly = (store: Store): Saga<typeof book, undefined> =>
      saga("checkout", { input: order, store, retry: { attempts: 3 } })
        .step("deadly", {
          do: () => new Promise<void>(() => world().done.push("begun")),
          undo: ({ completed }) => void world().done.push(`undone ${completed}`),
        })
        .finish();
    const one = deadly(store);
    const shop = await world().start({ sagas: [one] });
    await shop.begin(one, book, { id: "o-1" });
    await vi.waitFor(() => expect(world().done).toEqual(["begun"]));
    await shop.stop({ drainMs: 10 });
    const other = deadly(world().store());
    // As three processes would have left it.
    await other.plan.store.query("update warren_saga_steps set state = 'running', attempts = 3");
    const again = await world().start({ sagas: [other] });
    expect(await faultOf(again.run(other, book, { id: "o-1" }))).toMatchObject({
      message: expect.stringContaining('"deadly" was begun 3 times'),
    });
    expect(world().done).toEqual(["begun", "undone false"]);
  });

  it("is left with its process for as long as that renews the lease", async () => {
    const held = gate();
    const steps = (store: Store, who: string): Saga<typeof book, string> =>
      saga("checkout", { input: order, store, leaseMs: 150 })
        .step("first", {
          async do() {
            world().done.push(who);
            await held.promise;
          },
        })
        .finish(() => who);
    const one = steps(world().store(), "one");
    const shop = await world().start({ sagas: [one] });
    await shop.begin(one, book, { id: "o-1" });
    const polls = vi.fn();
    const store = world().store();
    const spied: Store = { ...store, query: (text, values) => (polls(), store.query(text, values)) };
    const other = steps(spied, "other");
    await world().start({ sagas: [other] });
    const before = polls.mock.calls.length;
    await vi.waitFor(() => expect(polls.mock.calls.length).toBeGreaterThan(before + 3), 10_000);
    held.open();
    expect(await shop.run(one, book, { id: "o-1" })).toBe("one");
    expect(world().done).toEqual(["one"]);
  });

  it("goes on after a failure of the database with what is in it, and runs a step again whose end was not written", async () => {
    const store = world().store();
    let isAway = false;
    const broken: Store = {
      ...store,
      async begin() {
        if (isAway) throw new Error("the database is away");
        return store.begin();
      },
    };
    const steps = saga("checkout", { input: order, store: broken, leaseMs: 100 })
      .step("first", { do: () => void world().done.push("first") })
      .step("second", {
        do() {
          isAway = world().done.push("second") === 2;
        },
      })
      .finish(() => "finished");
    const shop = await world().start({ sagas: [steps] });
    const result = shop.run(steps, book, { id: "o-1" });
    await vi.waitFor(() =>
      expect(world().warned).toContain("a run of a saga could not be gone on with; trying again"),
    );
    isAway = false;
    expect(await result).toBe("finished");
    expect(world().done).toEqual(["first", "second", "second"]);
  });
});

describe.each(stores)("a saga that cannot be undone, on $name", (kind) => {
  const world = sagaWorld(kind);
  const noShip = (what: string): unknown => (what.startsWith("ship") ? new Fault("NO_TRUCK", {}) : undefined);

  it("is tried again, then is stuck with the reason, and goes on when somebody has it tried once more", async () => {
    let broken = true;
    const checkout = threeSteps(world(), world().store(), (what) =>
      what.startsWith("undo charge") && broken ? new Error("the bank is closed") : noShip(what),
    );
    const shop = await world().start({ sagas: [checkout] });
    expect(await faultOf(shop.run(checkout, book, { id: "o-1" }))).toMatchObject({
      code: "SAGA_STUCK",
      data: { saga: "checkout", id: "o-1" },
    });
    expect(world().done.filter((what) => what.startsWith("undo"))).toEqual([
      "undo ship undefined",
      ...Array(3).fill("undo charge charge book!"),
    ]);
    expect(await shop.sagas.list({ state: "stuck" })).toMatchObject([
      {
        id: "o-1",
        error: { code: "NO_TRUCK" },
        steps: [
          { name: "reserve", state: "done" },
          {
            name: "charge",
            state: "stuck",
            undoAttempts: 3,
            error: { message: expect.stringContaining("the bank is closed") },
          },
          { name: "ship", state: "undone" },
        ],
      },
    ]);
    expect(world().warned.some((line) => line.includes("app.sagas.retry"))).toBe(true);

    broken = false;
    await shop.sagas.retry(checkout, "o-1");
    expect(await faultOf(shop.run(checkout, book, { id: "o-1" }))).toMatchObject({ code: "NO_TRUCK" });
    expect(world().done.slice(-2)).toEqual(["undo charge charge book!", "undo reserve reserve! true"]);
    await expect(shop.sagas.retry(checkout, "o-1")).rejects.toThrow("is failed; only what is stuck");
    await expect(shop.sagas.retry(checkout, "o-2")).rejects.toThrow('no run "o-2"');
  });

  it("leaves out what a person says is undone", async () => {
    const checkout = threeSteps(world(), world().store(), (what) =>
      what.startsWith("undo charge") ? new Error("the bank is closed") : noShip(what),
    );
    const shop = await world().start({ sagas: [checkout] });
    await faultOf(shop.run(checkout, book, { id: "o-1" }));
    await expect(shop.sagas.retry(checkout, "o-1", { undone: ["pay"] })).rejects.toThrow('no step "pay"');
    await shop.sagas.retry("checkout", "o-1", { undone: ["charge"] });
    expect(await faultOf(shop.run(checkout, book, { id: "o-1" }))).toMatchObject({ code: "NO_TRUCK" });
    expect(world().done.at(-1)).toBe("undo reserve reserve! true");
    expect((await shop.sagas.show(checkout, "o-1"))?.steps.map(({ state }) => state)).toEqual(
      Array(3).fill("undone"),
    );
  });
});

describe.each(stores)("parallel steps on $name", (kind) => {
  const world = sagaWorld(kind);

  function packing(own: SagaWorld, fails: (what: string) => unknown = () => undefined) {
    const act = async (what: string): Promise<string> => {
      own.done.push(what);
      const error = await fails(what);
      if (error !== undefined) throw error;
      return what;
    };
    return saga("checkout", { input: order, store: own.store(), retry: fast, undoRetry: fast })
      .step("reserve", { do: () => act("reserve"), undo: () => act("undo reserve") })
      .parallel((all) =>
        all
          .step("pay", { do: () => act("pay"), undo: ({ result }) => act(`undo pay ${result}`) })
          .step("pack", {
            do: ({ done }) => act(`pack ${done.reserve}`),
            undo: ({ result }) => act(`undo pack ${result}`),
          }),
      )
      .finish(({ done }) => [done.pay, done.pack]);
  }

  it("run at the same time, and give both results", async () => {
    const own = world();
    const both = gate();
    let begun = 0;
    const together = saga("together", { input: order, store: own.store() })
      .parallel((all) =>
        all
          .step("one", { do: async () => (++begun === 2 && both.open(), await both.promise, 1) })
          .step("two", { do: async () => (++begun === 2 && both.open(), await both.promise, "two") }),
      )
      .finish(({ done }) => `${done.one} ${done.two}`);
    const shop = await own.start({ sagas: [together] });
    expect(await shop.run(together, book, { id: "o-1" })).toBe("1 two");
  });

  it("are both undone where one fails, with what is known of each, before what came earlier", async () => {
    const checkout = packing(world(), async (what) => {
      if (what !== "pay") return undefined;
      await vi.waitFor(async () =>
        expect((await shop.sagas.show(checkout, "o-1"))?.steps[2]?.state).toBe("done"),
      );
      return new Fault("DECLINED", {});
    });
    const shop = await world().start({ sagas: [checkout] });
    expect(await faultOf(shop.run(checkout, book, { id: "o-1" }))).toMatchObject({ code: "DECLINED" });
    const undone = world().done.filter((what) => what.startsWith("undo"));
    expect(undone.slice(0, 2).sort()).toEqual(["undo pack pack reserve", "undo pay undefined"]);
    expect(undone[2]).toBe("undo reserve");
  });

  it("are tried again each by itself", async () => {
    let left = 2;
    const checkout = packing(world(), (what) =>
      what === "pay" && left-- > 0 ? new Error("busy") : undefined,
    );
    const shop = await world().start({ sagas: [checkout] });
    expect(await shop.run(checkout, book, { id: "o-1" })).toEqual(["pay", "pack reserve"]);
    expect(world().done.filter((what) => what === "pay")).toHaveLength(3);
    expect(world().done.filter((what) => what.startsWith("pack"))).toHaveLength(1);
  });

  it("are told when the one beside them has failed", async () => {
    const own = world();
    const checkout = saga("checkout", { input: order, store: own.store(), retry: { attempts: 1 } })
      .parallel((all) =>
        all
          .step("hang", {
            do: ({ signal }) => new Promise((_, reject) => (signal.onabort = () => reject(signal.reason))),
            undo: () => void own.done.push("undo hang"),
          })
          .step("fail", {
            do: () => {
              throw new Fault("DECLINED", {});
            },
          }),
      )
      .finish();
    const shop = await own.start({ sagas: [checkout] });
    expect(await faultOf(shop.run(checkout, book, { id: "o-1" }))).toMatchObject({ code: "DECLINED" });
    expect(own.done).toEqual(["undo hang"]);
  });

  it("that cannot be undone leave the others undone, and nothing before them touched", async () => {
    const checkout = packing(world(), (what) => {
      if (what === "pay") return new Fault("DECLINED", {});
      return what.startsWith("undo pack") ? new Error("packed for good") : undefined;
    });
    const shop = await world().start({ sagas: [checkout] });
    expect(await faultOf(shop.run(checkout, book, { id: "o-1" }))).toMatchObject({ code: "SAGA_STUCK" });
    expect((await shop.sagas.show(checkout, "o-1"))?.steps.map(({ state }) => state)).toEqual([
      "done",
      "undone",
      "stuck",
    ]);
  });
});
