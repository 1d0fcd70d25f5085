import { describe, expect, it, vi } from "vitest";
import { z } from "zod";
import { contract, deadLetters, names, type Service, type Sql, type Store, service } from "../src/index.ts";
import { seeded } from "./in-order-world.ts";
import { transports } from "./shape-world.ts";
import { stores } from "./stores.ts";
import { undoWorld } from "./undo-world.ts";

const worlds = transports.flatMap((transport) => stores.map((store) => ({ transport, store })));
const total = 1_000;
const orderCount = 12;

type Random = () => number;
type Ledger = readonly string[];

/** What may have become of an order, in the stock's own words and in those of the shipment. */
const endings: Record<"kept" | "undone", readonly Ledger[]> = {
  kept: [["reserve", "hand over", "ship"]],
  undone: [
    [],
    ["reserve", "release"],
    ["reserve", "ship", "unship", "release"],
    ["reserve", "hand over", "ship", "take back", "release", "unship"],
  ],
};
const sorted = (ledger: Ledger): string => ledger.toSorted().join(", ");

describe.each(worlds)("totals over seeds, on $transport with $store.name", ({ transport, store }) => {
  const world = undoWorld(transport, store);
  const seeds = transport === "embedded" ? [1, 2, 3, 4, 5, 6, 7, 8, 9, 10] : [11, 12];

  /** Stock and shipment, which fail and wait as the seed has it. */
  function services(w: ReturnType<typeof world>, store: Store, random: Random): Service<any>[] {
    const order = z.object({ id: z.string(), n: z.number() });
    const shipping = contract(w.stock.name.replace("stock", "shipping"), {
      events: { shipped: order, failed: order },
    });
    const pause = () => new Promise((resolve) => setTimeout(resolve, random() * 15));
    /** Moves goods; may fail before, between and after. */
    const move = async (db: Sql, id: string, what: string, changes: Record<string, number>) => {
      const at = Math.floor(random() * 10);
      if (at === 0) throw new Error("fails before");
      if (random() < 0.5) await pause();
      await db.query("insert into ledger (id, what) values ($1, $2)", [id, what]);
      for (const [place, n] of Object.entries(changes))
        await db.query("update goods set n = n + $1 where place = $2", [n, place]);
      if (at === 1) throw new Error("fails between");
      if (random() < 0.5) await pause();
    };
    const declined = w.payments.events.declined.id;
    const common = { store, methods: {}, retry: { attempts: 3, immediate: 2, baseMs: 1, capMs: 1 } };
    // Where `done` is not known, nothing of it is in the store.
    const undoing =
      (what: string, changes: (n: number) => Record<string, number>) =>
      ({ id }: any, { db, done, original: { n } }: any) =>
        done === undefined ? undefined : move(db, id, what, changes(n));
    const release = undoing("release", (n) => ({ stock: n, reserved: -n }));
    const stock = service(
      w.stock as any,
      {
        ...common,
        uses: { orders: w.orders, payments: w.payments, shipping },
        on: {
          [w.orders.events.placed.id]: {
            run: async ({ id, n }: any, { db, emit }: any) => {
              await move(db, id, "reserve", { stock: -n, reserved: n });
              await emit.reserved({ id, n });
            },
            undo: { [declined]: release, [shipping.events.failed.id]: release },
            gaveUp: ({ id, n }: any, { emit }: any) => emit.failed({ id, n }),
          },
          [shipping.events.shipped.id]: {
            run: ({ id, n }: any, { db }: any) => move(db, id, "hand over", { reserved: -n }),
            undo: {
              [declined]: undoing("take back", (n) => ({ reserved: n })),
            },
          },
        },
      } as any,
    );
    const ship = service(
      shipping as any,
      {
        ...common,
        uses: { stock: w.stock, payments: w.payments },
        on: {
          [w.stock.events.reserved.id]: {
            run: async ({ id, n }: any, { db, emit }: any) => {
              await move(db, id, "ship", { shipped: n });
              await emit.shipped({ id, n });
            },
            undo: {
              [declined]: undoing("unship", (n) => ({ shipped: -n })),
            },
            gaveUp: ({ id, n }: any, { emit }: any) => emit.failed({ id, n }),
          },
        },
      } as any,
    );
    return [stock, ship];
  }

  it.each(seeds)("balance, whatever fails, comes twice or comes early (seed %i)", async (seed) => {
    const w = world();
    const random = seeded(seed);
    const db = await w.store();
    await db.query("create table goods (place text primary key, n bigint not null)");
    await db.query("create table ledger (id text not null, what text not null)");
    for (const [place, n] of [
      ["stock", total],
      ["reserved", 0],
      ["shipped", 0],
    ] as const)
      await db.query("insert into goods (place, n) values ($1, $2)", [place, n]);
    const made: Service<any>[][] = [];
    for (let i = 0; i < 2; i++) made.push(services(w, await w.store(), random));
    for (const each of made) await w.start(each, { random });
    const doomed = new Set<string>();
    const messages = Array.from({ length: orderCount }, (_, i) => `o${i}`).flatMap((id) => {
      const n = 1 + Math.floor(random() * 5);
      const copies = (event: "placed" | "declined") =>
        Array.from({ length: 1 + Math.floor(random() * 3) }, () => ({ id, n, event, at: random() }));
      if (random() < 0.5) return copies("placed");
      doomed.add(id);
      return [...copies("placed"), ...copies("declined")];
    });
    for (const { id, n, event } of messages.toSorted((a, b) => a.at - b.at)) {
      const what = event === "placed" ? w.orders.events.placed : w.payments.events.declined;
      await w.publish(what, { id, n }, { id: `${event} ${id}` });
      if (random() < 0.3) await new Promise((resolve) => setTimeout(resolve, random() * 20));
    }

    const ledgers = async (): Promise<Map<string, string[]>> => {
      const { rows } = await db.query<{ id: string; what: string }>("select id, what from ledger");
      const all = new Map<string, string[]>(Array.from({ length: orderCount }, (_, i) => [`o${i}`, []]));
      for (const { id, what } of rows) all.get(id)!.push(what);
      return all;
    };
    const transport = w.connect();
    const letters = deadLetters(transport);
    const queues = [w.stock.name, made[0]![1]!.contract.name].map(names.events);
    const isQuiet = async (): Promise<void> => {
      // What was given up for its failures is tried again, as somebody would.
      await letters.replay({
        reasons: ["failed", "undo-failed"],
        services: made[0]!.map((s) => s.contract.name),
      });
      for (const queue of queues) expect((await transport.inspect(queue))?.messages).toBe(0);
      expect((await db.query("select id from warren_outbox")).rows).toEqual([]);
      for (const [id, ledger] of await ledgers()) {
        const given = await db.query(
          "select seq from warren_journal where conversation = $1 and state = 'given-up'",
          [id],
        );
        const allowed = doomed.has(id) ? endings.undone : [...endings.kept, ...endings.undone];
        expect([id, given.rows.length, allowed.map(sorted)]).toEqual([
          id,
          expect.any(Number),
          expect.arrayContaining([sorted(ledger)]),
        ]);
      }
      const unfinished = await db.query(
        "select seq from warren_journal where state in ('begun', 'failed', 'giving-up', 'undoing', 'undo-failed')",
      );
      expect(unfinished.rows).toEqual([]);
    };
    await vi.waitFor(isQuiet, { timeout: 15_000, interval: 100 });
    await new Promise((resolve) => setTimeout(resolve, 150));
    await isQuiet();
    const { rows } = await db.query<{ place: string; n: number }>("select place, n from goods");
    expect(rows.reduce((sum, { n }) => sum + n, 0)).toBe(total);
    for (const { n } of rows) expect(n).toBeGreaterThanOrEqual(0);
  });
});
