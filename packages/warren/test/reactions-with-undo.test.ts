import { describe, expect, it, vi } from "vitest";
import { type Service, service } from "../src/index.ts";
import { gate, transports } from "./shape-world.ts";
import { stores } from "./stores.ts";
import { note, type UndoWorld, undoWorld } from "./undo-world.ts";

const worlds = transports.flatMap((transport) => stores.map((store) => ({ transport, store })));
const fast = { attempts: 3, baseMs: 1, capMs: 1 };

describe.each(worlds)("a reaction with undo, on $transport with $store.name", ({ transport, store }) => {
  const world = undoWorld(transport, store);

  /** Reserves what was ordered, and releases it when the payment is declined or the order is cancelled. */
  async function stockOf(
    { stock, orders, payments, store }: UndoWorld,
    reaction: Record<string, unknown> = {},
    more: Record<string, unknown> = {},
  ): Promise<Service<any>> {
    const release = async (event: any, { done, db, original }: any): Promise<void> =>
      note(db, `release ${original.id} ${JSON.stringify(done)} for ${event.n}`);
    return service(
      stock as any,
      {
        uses: { orders, payments },
        store: await store(),
        methods: {},
        retry: fast,
        on: {
          [orders.events.placed.id]: {
            run: async ({ id, n }: any, { db }: any) => {
              await note(db, `reserve ${id}`);
              return { hold: `${id}/${n}` };
            },
            undo: { [payments.events.declined.id]: release, [orders.events.cancelled.id]: release },
            ...reaction,
          },
          ...more,
        },
      } as any,
    );
  }

  const settled = async (states: readonly string[]): Promise<void> =>
    vi.waitFor(async () => expect(await world().states()).toEqual(states), 5_000);

  it("is undone with what it returned, once, and only where it happened", async () => {
    const w = world();
    await w.start([await stockOf(w)]);
    await w.publish(w.orders.events.placed, { id: "a", n: 2 });
    await settled(["placed a done"]);
    await w.publish(w.orders.events.placed, { id: "b", n: 3 });
    await settled(["placed a done", "placed b done"]);
    await w.publish(w.payments.events.declined, { id: "a", n: 7 }, { id: "no" });
    await w.publish(w.payments.events.declined, { id: "a", n: 7 }, { id: "no" });
    await settled(["placed a undone", "placed b done"]);
    await w.publish(w.orders.events.cancelled, { id: "a", n: 8 });
    await w.publish(w.orders.events.cancelled, { id: "b", n: 9 });
    await settled(["placed a undone", "placed b undone"]);
    expect(await w.moves()).toEqual([
      "reserve a",
      "reserve b",
      'release a {"hold":"a/2"} for 7',
      'release b {"hold":"b/3"} for 9',
    ]);
  });

  it("is not run where the event that undoes it came first, however often it comes", async () => {
    const w = world();
    await w.start([await stockOf(w)]);
    await w.publish(w.payments.events.declined, { id: "a" });
    const closed = async (): Promise<number> =>
      (await (await w.store()).query("select key from warren_undone")).rows.length;
    await vi.waitFor(async () => expect(await closed()).toBe(1));
    for (let i = 0; i < 3; i++) await w.publish(w.orders.events.placed, { id: "a" }, { id: "placed-a" });
    await w.publish(w.orders.events.placed, { id: "b" });
    await settled(["placed a skipped", "placed b done"]);
    expect(await w.moves()).toEqual(["reserve b"]);
  });

  it("is undone after a run that is under way in another instance, and not before", async () => {
    const w = world();
    const [begun, goOn] = [gate(), gate()];
    const waiting = async ({ id }: any, { db }: any): Promise<string> => {
      begun.open();
      await goOn.promise;
      await note(db, `reserve ${id}`);
      return "held";
    };
    await w.start([await stockOf(w, { run: waiting })]);
    await w.publish(w.orders.events.placed, { id: "a" });
    await begun.promise;
    await w.start([await stockOf(w, { run: waiting })]);
    for (let i = 0; i < 4; i++) await w.publish(w.payments.events.declined, { id: "a" });
    await vi.waitFor(async () =>
      expect((await (await w.store()).query("select key from warren_undone")).rows).toHaveLength(1),
    );
    expect(await w.states()).toEqual(["placed a begun"]);
    goOn.open();
    await settled(["placed a undone"]);
    expect(await w.moves()).toEqual(["reserve a", 'release a "held" for 1']);
  });

  it("is undone without a result where it failed and waits for its retry, which is not made any more", async () => {
    const w = world();
    const run = vi.fn(async (_: unknown, { db }: any) => {
      await note(db, "never to be seen");
      throw new Error("out of paper");
    });
    await w.start([await stockOf(w, { run, retry: { attempts: 3, baseMs: 1_500, capMs: 1_500 } })], {
      random: () => 0.99,
    });
    await w.publish(w.orders.events.placed, { id: "a" });
    await settled(["placed a failed"]);
    await w.publish(w.payments.events.declined, { id: "a" });
    await settled(["placed a undone"]);
    await w.publish(w.orders.events.placed, { id: "end" }, { id: "end" });
    await settled(["placed a undone", "placed end failed"]);
    // The retry of the first comes before that of the second.
    const runs = (id: string): number => run.mock.calls.filter(([event]: any) => event.id === id).length;
    await vi.waitFor(() => expect(runs("end")).toBe(2), 10_000);
    expect(runs("a")).toBe(1);
    expect(await w.moves()).toEqual(["release a undefined for 1"]);
    expect(await w.letters(w.stock.name)).toEqual([]);
  });

  it("goes by its key, over conversations, and undoes all that was done under it, the newest first", async () => {
    const w = world();
    await w.start([await stockOf(w, { key: ({ id }: any) => id.split("/")[0] })]);
    for (const id of ["a/1", "b/1", "a/2"]) {
      await w.publish(w.orders.events.placed, { id });
      await vi.waitFor(async () => expect(await w.moves()).toContain(`reserve ${id}`));
    }
    await settled(["placed a done", "placed b done", "placed a done"]);
    await w.publish(w.payments.events.declined, { id: "a/9" });
    await settled(["placed a undone", "placed b done", "placed a undone"]);
    expect((await w.moves()).slice(3)).toEqual([
      'release a/2 {"hold":"a/2/1"} for 1',
      'release a/1 {"hold":"a/1/1"} for 1',
    ]);
    // The key has come to its end, and so has what comes later under it.
    await w.publish(w.orders.events.placed, { id: "a/3" });
    await settled(["placed a undone", "placed b done", "placed a undone", "placed a skipped"]);
  });

  it("shares the event that undoes it with other reactions; each part is done once, however often one fails", async () => {
    const w = world();
    let fails = 2;
    const shipping = {
      run: (_: unknown, { db }: any) => note(db, "ship"),
      undo: {
        [w.payments.events.declined.id]: async (_: unknown, { db }: any) => {
          await note(db, "unship");
          if (fails-- > 0) throw new Error("the van has left");
        },
      },
    };
    const own = (_: unknown, { db }: any): Promise<void> => note(db, "tell");
    await w.start([
      await stockOf(w, {}, { [w.orders.events.shipped.id]: shipping, [w.payments.events.declined.id]: own }),
    ]);
    await w.publish(w.orders.events.placed, { id: "a" });
    await settled(["placed a done"]);
    await w.publish(w.orders.events.shipped, { id: "a" });
    await settled(["placed a done", "shipped a done"]);
    await w.publish(w.payments.events.declined, { id: "a" });
    await settled(["placed a undone", "shipped a undone"]);
    expect(await w.moves()).toEqual([
      "reserve a",
      "ship",
      'release a {"hold":"a/1"} for 1',
      "tell",
      "unship",
    ]);
  });

  it("undoes the newest of several reactions first, and then runs the event's own", async () => {
    const w = world();
    const shipping = {
      run: (_: unknown, { db }: any) => note(db, "ship"),
      undo: { [w.payments.events.declined.id]: (_: unknown, { db }: any) => note(db, "unship") },
    };
    const own = (_: unknown, { db }: any): Promise<void> => note(db, "tell");
    await w.start([
      await stockOf(w, {}, { [w.orders.events.shipped.id]: shipping, [w.payments.events.declined.id]: own }),
    ]);
    await w.publish(w.orders.events.placed, { id: "a" });
    await settled(["placed a done"]);
    await w.publish(w.orders.events.shipped, { id: "a" });
    await settled(["placed a done", "shipped a done"]);
    await w.publish(w.payments.events.declined, { id: "a" });
    await vi.waitFor(async () => expect(await w.moves()).toContain("tell"));
    expect((await w.moves()).slice(2)).toEqual(["unship", 'release a {"hold":"a/1"} for 1', "tell"]);
  });

  it("whose undo fails for good is a dead letter that says so, and a replay undoes it", async () => {
    const w = world();
    let broken = true;
    const undo = {
      [w.payments.events.declined.id]: async (_: unknown, { db, done }: any) => {
        await note(db, `release ${done.hold}`);
        if (broken) throw new Error("the shelf is locked");
      },
    };
    await w.start([await stockOf(w, { undo })]);
    await w.publish(w.orders.events.placed, { id: "a" });
    await settled(["placed a done"]);
    await w.publish(w.payments.events.declined, { id: "a" });
    await vi.waitFor(async () => expect(await w.letters(w.stock.name)).toHaveLength(1), 5_000);
    const [letter] = await w.letters(w.stock.name);
    expect(letter).toMatchObject({
      reason: "undo-failed",
      error: `Error: Undoing "${w.orders.events.placed.id}" failed: Error: the shelf is locked`,
      attempts: 3,
    });
    expect(await w.states()).toEqual(["placed a undo-failed"]);
    broken = false;
    await w.replay(w.stock.name);
    await settled(["placed a undone"]);
    expect(await w.moves()).toEqual(["reserve a", "release a/1"]);
  });

  it("emits with its undo, in the conversation, what commits with it", async () => {
    const w = world();
    const heard: string[] = [];
    let fails = 1;
    const undo = {
      [w.payments.events.declined.id]: async ({ id }: any, { done: _, ...context }: any) => {
        await context.emit.released({ id });
        if (fails-- > 0) throw new Error("not yet");
        context.log.info({}, "released");
      },
    };
    const listening = service(
      w.orders as any,
      {
        uses: { stock: w.stock },
        methods: {},
        on: {
          [w.stock.events.released.id]: (_: any, { conversation }: any) => void heard.push(conversation),
        },
      } as any,
    );
    await w.start([await stockOf(w, { undo }), listening]);
    await w.publish(w.orders.events.placed, { id: "a" }, { conversation: "talk" });
    await settled(["placed talk done"]);
    await w.publish(w.payments.events.declined, { id: "a" }, { conversation: "talk" });
    await vi.waitFor(() => expect(heard).toEqual(["talk"]), 5_000);
    await settled(["placed talk undone"]);
    expect(heard).toEqual(["talk"]);
  });

  it("can be in order, and be undone all the same", async () => {
    const w = world();
    await w.start([await stockOf(w, { inOrder: ({ id }: any) => id })]);
    await w.publish(w.orders.events.placed, { id: "a" });
    await settled(["placed a done"]);
    await w.publish(w.payments.events.declined, { id: "a" });
    await settled(["placed a undone"]);
  });

  it("is undone in order, where the event that undoes it has a reaction in order", async () => {
    const w = world();
    const own = { inOrder: ({ id }: any) => id, run: (_: unknown, { db }: any) => note(db, "tell") };
    let broken = 4;
    const undo = {
      [w.payments.events.declined.id]: async (_: unknown, { db }: any) => {
        await note(db, "release");
        if (broken-- > 0) throw new Error("the shelf is locked");
      },
    };
    await w.start([
      await stockOf(w, { inOrder: ({ id }: any) => id, undo }, { [w.payments.events.declined.id]: own }),
    ]);
    await w.publish(w.orders.events.placed, { id: "a" });
    await w.publish(w.payments.events.declined, { id: "a" });
    await vi.waitFor(async () => expect(await w.letters(w.stock.name)).toHaveLength(1), 5_000);
    expect(await w.letters(w.stock.name)).toMatchObject([{ reason: "undo-failed", attempts: 3 }]);
    await w.replay(w.stock.name);
    await settled(["placed a undone"]);
    expect(await w.moves()).toEqual(["reserve a", "tell", "release"]);
  });

  it("tells middleware what is being undone", async () => {
    const w = world();
    const seen: string[] = [];
    await w.start([await stockOf(w)], {
      use: [
        (next) => (input, context) => {
          const { id, undoing = "nothing" } = context.operation;
          seen.push(`${id} undoes ${undoing}`);
          return next(input, context);
        },
      ],
    });
    await w.publish(w.orders.events.placed, { id: "a" });
    await settled(["placed a done"]);
    await w.publish(w.payments.events.declined, { id: "a" });
    await settled(["placed a undone"]);
    const placed = w.orders.events.placed.id;
    expect(seen).toEqual([`${placed} undoes nothing`, `${w.payments.events.declined.id} undoes ${placed}`]);
  });

  it("refuses what the journal cannot keep: a message without an id, a key that is no text, a result beyond JSON", async () => {
    const w = world();
    const endless: Record<string, unknown> = {};
    endless.self = endless;
    const run = vi.fn(() => endless);
    const key = ({ id }: any): string => (id === "keyless" ? (undefined as never) : id);
    await w.start([await stockOf(w, { run, key })]);
    await w.publish(w.orders.events.placed, { id: "nameless" }, { id: "" });
    await w.publish(w.orders.events.placed, { id: "keyless" }, { id: "keyless" });
    await w.publish(w.orders.events.placed, { id: "large" }, { id: "large" });
    await vi.waitFor(async () => expect(await w.letters(w.stock.name)).toHaveLength(3), 5_000);
    const errors = (await w.letters(w.stock.name)).map(({ error }) => error).join("\n");
    expect(errors).toMatch(/needs an id/);
    expect(errors).toMatch(/"key" returned undefined/);
    expect(errors).toMatch(/JSON cannot hold it/);
    expect(run).toHaveBeenCalledTimes(3);
  });
});
