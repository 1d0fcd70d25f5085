import { randomBytes } from "node:crypto";
import { describe, expect, it, vi } from "vitest";
import { type App, type Saga, type Store, saga } from "../src/index.ts";
import { type VirtualClock, virtualClock } from "../src/testing/virtual-clock.ts";
import { fast, order, payments, type SagaWorld, sagaWorld, stores } from "./sagas-world.ts";
import { faultOf, gate } from "./shape-world.ts";

const book = { sku: "book", cents: 100 };
const minuteMs = 60_000;
/** Nothing that a database could make short. */
const long = randomBytes(2_500).toString("hex");

function paying(world: SagaWorld, store: Store, earlyMs = 10 * minuteMs) {
  return saga("checkout", {
    input: order,
    uses: { payments },
    store,
    retry: fast,
    undoRetry: fast,
    leaseMs: 500,
  })
    .step("reserve", {
      do: () => void world.done.push("reserve"),
      undo: () => void world.done.push("release"),
    })
    .waitFor("paid", "payments.paid", { key: (event) => event.order, timeoutMs: 5 * minuteMs, earlyMs })
    .finish(({ done }) => done.paid.cents);
}

/** Waits for what takes real time, such as a database, and lets a little virtual time pass for it. */
async function until(
  shop: App,
  checkout: Saga,
  id: string,
  state: string,
  clock?: VirtualClock,
): Promise<void> {
  await vi.waitFor(async () => {
    await clock?.advance(500);
    expect((await shop.sagas.show(checkout, id))?.state).toBe(state);
  }, 5_000);
}

async function signals(store: Store): Promise<number> {
  const { rows } = await store.query<{ n: number }>("select count(*) as n from warren_saga_signals");
  return rows[0]!.n;
}

describe.each(stores)("a saga that waits, on $name", (kind) => {
  const world = sagaWorld(kind);

  it("goes on with the event of its id, and leaves those of others", async () => {
    const checkout = paying(world(), world().store());
    const shop = await world().start({ sagas: [checkout] });
    const result = shop.run(checkout, book, { id: "o-1" });
    await until(shop, checkout, "o-1", "waiting");
    expect(await shop.sagas.show("checkout", "o-1")).toMatchObject({
      waitsFor: { event: "payments.paid", key: "o-1", step: "paid" },
      steps: [{ state: "done" }, { state: "waiting", dueAt: expect.any(Number) }],
    });
    await shop.emit(payments.events.paid, { order: "o-2", cents: 1 });
    await shop.emit(payments.events.paid, { order: "o-1", cents: 99 });
    expect(await result).toBe(99);
    expect(await shop.sagas.show("checkout", "o-1")).toMatchObject({ state: "done", waitsFor: undefined });
  });

  it("finds an event that came before it waited, also before it was begun", async () => {
    const store = world().store();
    const checkout = paying(world(), store);
    const shop = await world().start({ sagas: [checkout] });
    await shop.emit(payments.events.paid, { order: "o-1", cents: 42 });
    await vi.waitFor(async () => expect(await signals(store)).toBe(1));
    expect(await shop.run(checkout, book, { id: "o-1" })).toBe(42);
  });

  it("does not take an event from longer before than it says", async () => {
    const clock = virtualClock();
    const store = world().store();
    const checkout = paying(world(), store, minuteMs);
    const shop = await world().start({ sagas: [checkout], clock });
    await shop.emit(payments.events.paid, { order: "o-1", cents: 42 });
    await vi.waitFor(async () => expect(await signals(store)).toBe(1));
    await clock.advance(minuteMs + 1);
    void shop.begin(checkout, book, { id: "o-1" });
    await until(shop, checkout, "o-1", "waiting");
  });

  it("undoes what was done where the event never comes", async () => {
    const clock = virtualClock();
    const checkout = paying(world(), world().store());
    const shop = await world().start({ sagas: [checkout], clock });
    const fault = faultOf(shop.run(checkout, book, { id: "o-1" }));
    await until(shop, checkout, "o-1", "waiting");
    await clock.advance(5 * minuteMs - 1);
    expect(world().done).toEqual(["reserve"]);
    await clock.advance(1);
    await until(shop, checkout, "o-1", "failed", clock);
    expect(await fault).toMatchObject({
      code: "TIMEOUT",
      message: expect.stringContaining("payments.paid did not come within 300000 ms"),
    });
    expect(world().done).toEqual(["reserve", "release"]);
  });

  it("gives one event to all runs that it is for, and to one run once", async () => {
    const store = world().store();
    const closing = saga("closing", { input: order, uses: { payments }, store })
      .waitFor("first", "payments.closed", { key: ({ shop }) => shop, equals: ({ input }) => input.sku })
      .waitFor("second", "payments.closed", { key: ({ shop }) => shop, equals: ({ input }) => input.sku })
      .finish(({ done }) => done);
    const shop = await world().start({ sagas: [closing] });
    const ids = ["a", "b", "c"];
    const results = ids.map((id) => shop.run(closing, book, { id }));
    for (const id of ids) await until(shop, closing, id, "waiting");
    await shop.emit(payments.events.closed, { shop: "book" });
    await vi.waitFor(async () => {
      for (const id of ids)
        expect(await shop.sagas.show(closing, id)).toMatchObject({ waitsFor: { step: "second" } });
    });
    await shop.emit(payments.events.closed, { shop: "book" });
    expect(await Promise.all(results)).toEqual(
      ids.map(() => ({ first: { shop: "book" }, second: { shop: "book" } })),
    );
  });

  it.each([
    ["U+0000", "book\0a", "book\0b"],
    ["5,000 characters", long, `${long.slice(1)}-`],
    ["half a character", "book\ud800", "book\ud801"],
  ])("finds the event of a key with %s, and times out without it", async (_, key, otherKey) => {
    const clock = virtualClock();
    const closing = saga("closing", { input: order, uses: { payments }, store: world().store() })
      .waitFor("closed", "payments.closed", {
        key: ({ shop }) => shop,
        equals: ({ id }) => (id === "found" ? key : otherKey),
        timeoutMs: minuteMs,
      })
      .finish(() => "finished");
    const shop = await world().start({ sagas: [closing], clock });
    const found = shop.run(closing, book, { id: "found" });
    const late = faultOf(shop.run(closing, book, { id: "late" }));
    for (const id of ["found", "late"]) await until(shop, closing, id, "waiting");
    await shop.emit(payments.events.closed, { shop: key });
    await until(shop, closing, "found", "done", clock);
    expect(await found).toBe("finished");
    await clock.advance(minuteMs);
    await until(shop, closing, "late", "failed", clock);
    expect(await late).toMatchObject({ code: "TIMEOUT" });
  });

  it("misses no event, however close it comes to the beginning of the wait", async () => {
    const checkout = paying(world(), world().store());
    const other = paying(world(), world().store());
    const shop = await world().start({ sagas: [checkout] });
    await world().start({ sagas: [other] });
    const ids = Array.from({ length: 60 }, (_, i) => `o-${i}`);
    const results = ids.map(async (id) => {
      const [result] = await Promise.all([
        shop.run(checkout, book, { id }),
        shop.emit(payments.events.paid, { order: id, cents: 7 }),
      ]);
      return result;
    });
    expect(await Promise.all(results)).toEqual(ids.map(() => 7));
  });

  it("sleeps for as long as it says, over a restart", async () => {
    const clock = virtualClock();
    const sleepy = (): Saga<{ sku: string; cents: number }, string> =>
      saga("checkout", { input: order, store: world().store() })
        .step("before", { do: () => void world().done.push("before") })
        .sleep("rest", ({ input }) => input.cents * minuteMs)
        .step("after", { do: () => void world().done.push("after") })
        .finish(() => "rested");
    const first = sleepy();
    const shop = await world().start({ sagas: [first], clock });
    const interrupted = faultOf(shop.run(first, book, { id: "o-1" }));
    await until(shop, first, "o-1", "waiting");
    await clock.advance(50 * minuteMs);
    const stopped = shop.stop();
    await clock.advance(1_000);
    await stopped;
    expect(await interrupted).toMatchObject({ code: "STOPPED" });
    await clock.advance(10 * minuteMs);

    const second = sleepy();
    const again = await world().start({ sagas: [second], clock });
    const result = again.run(second, book, { id: "o-1" });
    await clock.advance(39 * minuteMs);
    expect(world().done).toEqual(["before"]);
    await clock.advance(2 * minuteMs);
    await until(again, second, "o-1", "done", clock);
    expect(await result).toBe("rested");
    expect(world().done).toEqual(["before", "after"]);
  });

  it("fails, and undoes, when the whole takes longer than its deadline, whatever it waits for", async () => {
    const clock = virtualClock();
    const store = world().store();
    const slow = saga("checkout", { input: order, uses: { payments }, store, deadlineMs: 10 * minuteMs })
      .step("reserve", {
        do: () => "held",
        undo: ({ result }) => void world().done.push(`release ${result}`),
      })
      .waitFor("paid", "payments.paid", { key: (event) => event.order })
      .finish();
    const shop = await world().start({ sagas: [slow], clock });
    const fault = faultOf(shop.run(slow, book, { id: "o-1" }));
    await until(shop, slow, "o-1", "waiting");
    await clock.advance(10 * minuteMs + 1);
    await until(shop, slow, "o-1", "failed", clock);
    expect(await fault).toMatchObject({
      code: "TIMEOUT",
      message: expect.stringContaining("600000 ms after it began"),
    });
    expect(world().done).toEqual(["release held"]);
  });

  it("gives a step that is under way at the deadline no more time, and its undo all it needs", async () => {
    const clock = virtualClock();
    const store = world().store();
    const slow = saga("checkout", { input: order, store, deadlineMs: minuteMs })
      .step("hang", {
        do: ({ signal }) =>
          new Promise((_, reject) => {
            world().done.push("hangs");
            signal.addEventListener("abort", () => reject(signal.reason));
          }),
        async undo({ deadline }) {
          world().done.push(`undone ${deadline > clock.now() + 30_000}`);
        },
        timeoutMs: 5 * minuteMs,
      })
      .finish();
    const shop = await world().start({ sagas: [slow], clock });
    const fault = faultOf(shop.run(slow, book, { id: "o-1" }));
    await vi.waitFor(() => expect(world().done).toEqual(["hangs"]));
    await clock.advance(minuteMs + 100);
    await until(shop, slow, "o-1", "failed", clock);
    expect(await fault).toMatchObject({ code: "TIMEOUT" });
    expect(world().done).toEqual(["hangs", "undone true"]);
  });

  it("reads of each run that is waited for what became of it, and not of all the others whenever one ends", async () => {
    const store = world().store();
    const read: object[] = [];
    const spied: Store = {
      ...store,
      async query(text, values) {
        const result = await store.query<any>(text, values);
        if (text.includes("from warren_sagas where (saga, id)")) read.push(...result.rows);
        return result;
      },
    };
    const gates = new Map(Array.from({ length: 40 }, (_, i) => [`o-${i}`, gate()]));
    const held = saga("held", { input: order, store: spied })
      .step("one", { do: ({ id }) => gates.get(id)!.promise })
      .finish(({ id }) => id);
    const shop = await world().start({ sagas: [held], clock: virtualClock() });
    const results = [...gates.keys()].map((id) => shop.run(held, book, { id }));
    for (const [i, [id, { open }]] of [...gates].entries()) {
      open();
      expect(await results[i]).toBe(id);
    }
    expect(read.length).toBeLessThanOrEqual(2 * gates.size);
    for (const row of read) expect(Object.keys(row)).not.toContain("input");
  });

  it("ends the waiting of whoever asked when their time is over, and goes on itself", async () => {
    const checkout = paying(world(), world().store());
    const shop = await world().start({ sagas: [checkout] });
    const late = await faultOf(shop.run(checkout, book, { id: "o-1", timeoutMs: 50 }));
    expect(late).toMatchObject({ code: "TIMEOUT", message: expect.stringContaining("It goes on") });
    const gone = new AbortController();
    const cancelled = faultOf(shop.run(checkout, book, { id: "o-1", signal: gone.signal }));
    gone.abort();
    expect(await cancelled).toMatchObject({ code: "CANCELLED" });
    await shop.emit(payments.events.paid, { order: "o-1", cents: 5 });
    expect(await shop.run(checkout, book, { id: "o-1" })).toBe(5);
  });
});
