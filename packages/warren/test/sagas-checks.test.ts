import { describe, expect, it, vi } from "vitest";
import { z } from "zod";
import { embedded } from "../src/embedded/index.ts";
import { app, contract, deadLetters, rpc, type Saga, type Store, saga, service } from "../src/index.ts";
import { virtualClock } from "../src/testing/virtual-clock.ts";
import { fast, order, payments, sagaWorld, stores } from "./sagas-world.ts";
import { faultOf } from "./shape-world.ts";

const book = { sku: "book", cents: 100 };
const nothing = z.object({});
const long = (chars: number): string => "x".repeat(chars);

describe.each(stores)("names and keys of sagas, on $name", (kind) => {
  const world = sagaWorld(kind);

  it("fit into the keys of calls, however long a saga, an id and a step may be called", async () => {
    const keys: string[] = [];
    const counters = contract("counters", { methods: { add: rpc({ output: z.number() }) } });
    let total = 0;
    const counting = service(counters, { store: world().store(), methods: { add: () => ++total } });
    const adding = saga(long(63), { input: nothing, uses: { counters }, store: world().store(), retry: fast })
      .step(long(63) as "add", {
        async do({ call, key, attempt }) {
          keys.push(key);
          await call.counters.add();
          if (attempt < 3) throw new Error("not yet");
        },
        undo: ({ call, key }) => (keys.push(key), call.counters.add()),
      })
      .step("fails-in-the-end", {
        do({ key }) {
          keys.push(key);
          throw new Error("no");
        },
        retry: { attempts: 1 },
      })
      .finish();
    const shop = await world().start({ sagas: [adding], services: [counting] });
    await faultOf(shop.run(adding, {}, { id: long(128) }));
    expect(total).toBe(2);
    const [key, other] = [...new Set(keys)];
    expect(keys).toEqual([key, key, key, other, key]);
    expect([key!.length < 161, other!.length < 161]).toEqual([true, true]);
  });

  it("are refused where nothing could be called by them", async () => {
    const store = world().store();
    const empty = saga("empty", { input: nothing, store }).finish();
    const shop = await world().start({ sagas: [empty] });
    for (const id of ["a\nb", "", long(129), "a\u0000", "\ud800"])
      await expect(shop.begin(empty, {}, { id })).rejects.toThrow(TypeError);
    for (const name of ["finish", "undo"])
      expect(() => saga("s", { input: nothing, store }).step(name as string, { do: () => 1 })).toThrow(
        `"${name}" is Warren's own`,
      );
  });

  it("are asked for where none is given, by an app and in a handler", async () => {
    const store = world().store();
    const empty = saga("empty", { input: nothing, store }).finish();
    const shopping = contract("shopping", { methods: { place: rpc() } });
    const errors: unknown[] = [];
    const place = (_: unknown, { begin }: any) =>
      begin(empty, {}).catch((error: Error) => errors.push(error));
    const shop = await world().start({
      sagas: [empty],
      services: [service(shopping, { store, methods: { place: place as never } })],
    });
    for (const member of ["run", "begin"] as const)
      errors.push(await (shop[member] as any)(empty, {}).catch((error: Error) => error));
    await shop.client(shopping).place();
    for (const error of errors) {
      expect(error).toBeInstanceOf(TypeError);
      expect(String(error)).toContain('Saga "empty": a run needs an id, as in { id: "o-1" }');
    }
    expect(errors).toHaveLength(3);
  });

  it("are those of finished sagas; one that is not is told so wherever it is given", async () => {
    const store = world().store();
    const unfinished: any = saga("work", { input: nothing, store }).step("one", { do: () => 1 });
    const said = "no saga that is finished; one ends with `.finish()`";
    expect(() => app({ transport: embedded(), sagas: [unfinished] })).toThrow(
      `\`sagas\`, at 0: this is ${said}`,
    );
    const shop = await world().start({ sagas: [unfinished.finish()] });
    await expect(shop.run(unfinished, {}, { id: "a" })).rejects.toThrow(`app.run: this is ${said}`);
    await expect(shop.begin(unfinished, {}, { id: "a" })).rejects.toThrow(`app.begin: this is ${said}`);
  });

  it("are not made of what is no text: an event's is not kept, a run's fails it", async () => {
    const store = world().store();
    const waits = (name: string, by: { key?: unknown; equals?: unknown }): Saga<typeof book, unknown> =>
      saga(name, { input: order, uses: { payments }, store })
        .waitFor("paid", "payments.paid", {
          key: () => by.key as string,
          equals: () => by.equals as string,
        })
        .finish(({ done }) => done.paid) as never;
    const [noKey, noEquals] = [waits("no-key", { equals: "o-1" }), waits("no-equals", { key: "o-1" })];
    const shop = await world().start({ sagas: [noKey, noEquals] });
    expect(await faultOf(shop.run(noEquals, book, { id: "a", timeoutMs: 5_000 }))).toMatchObject({
      message: expect.stringContaining('"equals" returned undefined'),
      data: { step: "paid" },
    });
    const before = world().warned.length;
    await shop.emit(payments.events.paid, { order: "o-1", cents: 1 });
    await vi.waitFor(() => expect(world().warned.length).toBeGreaterThan(before));
    const { rows } = await store.query("select * from warren_saga_signals where saga = 'no-key'");
    expect(rows).toEqual([]);
  });
});

describe.each(stores)("what a run is told to have failed by, on $name", (kind) => {
  const world = sagaWorld(kind);

  it("is the step that was not done at the deadline, and not one beside it that was", async () => {
    const clock = virtualClock();
    const work = saga("work", { input: nothing, store: world().store(), deadlineMs: 1_000 })
      .parallel((all) =>
        all.step("quick", { do: () => void world().done.push("quick") }).step("busy", {
          retry: { attempts: 9, baseMs: 60_000, capMs: 60_000 },
          do() {
            world().done.push("busy");
            throw new Error("busy");
          },
        }),
      )
      .finish();
    const shop = await world().start({ sagas: [work], clock, random: () => 0.9 });
    const fault = faultOf(shop.run(work, {}, { id: "a" }));
    const steps = async () => (await shop.sagas.show(work, "a"))?.steps;
    // On a slow machine the deadline would else be over before a step has begun.
    await vi.waitFor(async () =>
      expect(await steps()).toMatchObject([{ state: "done" }, { state: "retrying" }]),
    );
    await vi.waitFor(async () => {
      await clock.advance(500);
      expect((await shop.sagas.show(work, "a"))?.state).toBe("failed");
    });
    expect(await fault).toMatchObject({ code: "TIMEOUT" });
    expect(await steps()).toMatchObject([
      { name: "quick", state: "done", error: undefined },
      { name: "busy", state: "failed", error: { code: "TIMEOUT" } },
    ]);
  });
});

describe.each(stores)("a run whose input the saga does not accept any more, on $name", (kind) => {
  const world = sagaWorld(kind);

  const made = (store: Store, input: z.ZodType, hold: Promise<void>): Saga<any, undefined> =>
    saga("work", { input, store, leaseMs: 300, undoRetry: fast })
      .step("first", {
        do: () => void world().done.push("first"),
        undo: () => void world().done.push("undo first"),
      })
      .sleep("rest", 100)
      .step("second", { do: () => hold })
      .finish();
  const strict = z.object({ sku: z.string(), colour: z.string() });

  async function left(): Promise<void> {
    const lenient = made(world().store(), z.object({ sku: z.string() }), new Promise(() => {}));
    const shop = await world().start({ sagas: [lenient] });
    await shop.begin(lenient, { sku: "book" }, { id: "a" });
    await vi.waitFor(async () =>
      expect((await shop.sagas.show(lenient, "a"))?.steps[2]?.state).toBe("running"),
    );
    await shop.stop({ drainMs: 0 });
  }

  it("is stuck with the reason where something of it was begun, and goes back when it is accepted again", async () => {
    await left();
    const work = made(world().store(), strict, Promise.resolve());
    const shop = await world().start({ sagas: [work] });
    await vi.waitFor(async () =>
      expect(await shop.sagas.show(work, "a")).toMatchObject({
        state: "stuck",
        error: { code: "INVALID_INPUT" },
        steps: [{ state: "stuck", error: { code: "INVALID_INPUT" } }, {}, {}],
      }),
    );
    await shop.sagas.retry(work, "a");
    await vi.waitFor(async () => expect((await shop.sagas.show(work, "a"))?.state).toBe("stuck"));
    await shop.stop();
    const again = made(world().store(), z.object({ sku: z.string() }), Promise.resolve());
    const mended = await world().start({ sagas: [again] });
    await mended.sagas.retry(again, "a");
    await vi.waitFor(async () => expect((await mended.sagas.show(again, "a"))?.state).toBe("failed"));
    expect(world().done).toEqual(["first", "undo first"]);
  });

  it("has failed where nothing of it was begun", async () => {
    const asleep = (input: z.ZodType, ms: number): Saga<any, undefined> =>
      saga("work", { input, store: world().store(), leaseMs: 300 }).sleep("rest", ms).finish();
    const lenient = asleep(z.object({ sku: z.string() }), 500);
    const shop = await world().start({ sagas: [lenient] });
    await shop.begin(lenient, { sku: "book" }, { id: "a" });
    await vi.waitFor(async () => expect((await shop.sagas.show(lenient, "a"))?.state).toBe("waiting"));
    await shop.stop();
    const work = asleep(strict, 500);
    const again = await world().start({ sagas: [work] });
    await vi.waitFor(
      async () =>
        expect(await again.sagas.show(work, "a")).toMatchObject({
          state: "failed",
          error: { code: "INVALID_INPUT" },
          endedAt: expect.any(Number),
        }),
      5_000,
    );
  });
});

describe.each(stores)("a saga beside other things of an app, on $name", (kind) => {
  const world = sagaWorld(kind);

  it("is among the names that tools look for dead letters under, also where it waits for nothing", async () => {
    const counters = contract("counters", { methods: { add: rpc({ errors: { FULL: {} } }) } });
    const counting = service(counters, {
      store: world().store(),
      methods: {
        add(_, { fail }) {
          throw fail.FULL();
        },
      },
    });
    const adding = saga("adding", { input: nothing, uses: { counters }, store: world().store() })
      .step("add", {
        async do({ send }) {
          await send.counters.add();
        },
      })
      .finish();
    const shop = await world().start({ sagas: [adding], services: [counting] });
    await shop.run(adding, {}, { id: "a" });
    const letters = deadLetters(embedded({ broker: world().broker }));
    expect(await letters.services()).toContain("adding");
    await vi.waitFor(async () => expect((await letters.list({ services: ["adding"] })).matched).toBe(1));
  });

  it("hears the events that it waits for without the middleware of the app's services", async () => {
    const around: string[] = [];
    const waits = saga("waits", { input: nothing, uses: { payments }, store: world().store() })
      .waitFor("paid", "payments.paid", { key: (event) => event.order })
      .finish(({ done }) => done.paid.cents);
    const shop = await world().start({
      sagas: [waits],
      use: [
        () => (_, context) => {
          around.push(context.operation.id);
          throw new Error("only for people");
        },
      ],
    });
    await shop.emit(payments.events.paid, { order: "a", cents: 7 });
    expect(await shop.run(waits, {}, { id: "a", timeoutMs: 5_000 })).toBe(7);
    expect(around).toEqual([]);
  });

  it("emits events of the contracts it uses, and no others", async () => {
    const others = contract("others", { events: { told: nothing } });
    const retry = { attempts: 1 };
    const work = (uses: object, store: Store): Saga<object, undefined> =>
      saga("work", { input: nothing, uses: uses as { others: typeof others }, store, retry })
        .step("tell", { do: ({ emit }) => emit(others.events.told, {}) })
        .finish();
    const silent = work({}, world().store());
    const shop = await world().start({ sagas: [silent] });
    const fault = await faultOf(shop.run(silent, {}, { id: "a" }));
    expect(fault.message).toContain("others.told");
    expect(fault.message).toContain('"uses"');
    await shop.stop();
    const allowed = work({ others }, world().store());
    const again = await world().start({ sagas: [allowed] });
    await again.run(allowed, {}, { id: "b" });
  });
});
