import { describe, expect, it, vi } from "vitest";
import { Fault, type Service, service } from "../src/index.ts";
import { transports } from "./shape-world.ts";
import { stores } from "./stores.ts";
import { note, type UndoWorld, undoWorld } from "./undo-world.ts";

const worlds = transports.flatMap((transport) => stores.map((store) => ({ transport, store })));
const fast = { attempts: 3, baseMs: 1, capMs: 1 };

describe.each(worlds)(
  "a reaction that is given up, on $transport with $store.name",
  ({ transport, store }) => {
    const world = undoWorld(transport, store);

    const gaveUp = async ({ id }: any, { db, emit, error, ...context }: any): Promise<void> => {
      await note(db, `gave up ${id}: ${error.message}`);
      await emit.failed({ id });
      context.log.info({}, "gave up");
    };

    /** Fails to reserve, says so, and an order that hears of it is cancelled, which releases what may be reserved. */
    async function shop(w: UndoWorld, reaction: Record<string, unknown>): Promise<void> {
      const { stock, orders } = w;
      const release = (_: unknown, { db, done }: any): Promise<void> => note(db, `release ${done}`);
      const reserving = service(
        stock as any,
        {
          uses: { orders },
          store: await w.store(),
          methods: {},
          retry: fast,
          on: {
            [orders.events.placed.id]: {
              gaveUp,
              undo: { [orders.events.cancelled.id]: release },
              ...reaction,
            },
          },
        } as any,
      );
      const ordering = service(
        orders as any,
        {
          uses: { stock },
          store: await w.store(),
          methods: {},
          on: {
            [stock.events.failed.id]: async ({ id }: any, { db, emit }: any) => {
              await note(db, `cancel ${id}`);
              await emit.cancelled({ id });
            },
          },
        } as any,
      );
      await w.start([reserving, ordering] as Service<any>[]);
    }

    const failing = (): never => {
      throw new Error("out of paper");
    };
    const compensated = ["gave up a: out of paper", "cancel a", "release undefined"];
    const settled = async (moves: readonly string[]): Promise<void> =>
      vi.waitFor(async () => expect(await world().moves()).toEqual(moves), 5_000);
    const letters = async (count: number) => {
      const all = () => world().letters(world().stock.name);
      await vi.waitFor(async () => expect(await all()).toHaveLength(count), 5_000);
      return all();
    };

    it.each([{ how: "usual" }, { how: "in order", inOrder: true }])(
      "says so once, which undoes it everywhere, and a replay does nothing ($how)",
      async ({ how: _, ...options }) => {
        const w = world();
        const run = vi.fn(failing);
        await shop(w, { run, ...options });
        await w.publish(w.orders.events.placed, { id: "a" });
        await settled(compensated);
        expect(run).toHaveBeenCalledTimes(3);
        const [letter] = await letters(1);
        expect(letter).toMatchObject({ reason: "given-up", error: "Error: out of paper", attempts: 3 });
        await vi.waitFor(async () => expect(await w.states()).toEqual(["placed a undone"]), 5_000);
        await w.replay(w.stock.name);
        await letters(0);
        await w.publish(w.orders.events.placed, { id: "b" });
        await vi.waitFor(async () => expect(await w.moves()).toHaveLength(6), 5_000);
        expect((await w.moves()).slice(0, 3)).toEqual(compensated);
        expect(run).toHaveBeenCalledTimes(6);
      },
    );

    it("is a dead letter again when it is replayed and nobody has undone it: it does not run any more", async () => {
      const w = world();
      const run = vi.fn(failing);
      await shop(w, { run, gaveUp: (_: unknown, { db, error }: any) => note(db, error.message) });
      await w.publish(w.orders.events.placed, { id: "a" });
      await settled(["out of paper"]);
      await letters(1);
      await w.replay(w.stock.name);
      await vi.waitFor(async () => {
        const [letter] = await w.letters(w.stock.name);
        expect(letter).toMatchObject({ reason: "given-up", replayed: 1 });
      }, 5_000);
      expect(await w.moves()).toEqual(["out of paper"]);
      expect(await w.states()).toEqual(["placed a given-up"]);
      expect(run).toHaveBeenCalledTimes(3);
    });

    it("says so at once where another try is of no use, and after its timeout", async () => {
      const w = world();
      const run = vi.fn(({ id }: { id: string }) => {
        if (id === "refused") throw new Fault("OUT_OF_STOCK", {});
        return new Promise(() => {});
      });
      await shop(w, { run, timeoutMs: 20, retry: { attempts: 2, baseMs: 1, capMs: 1 } });
      await w.publish(w.orders.events.placed, { id: "refused" });
      await vi.waitFor(async () => expect(await w.moves()).toContain("cancel refused"), 5_000);
      expect(run).toHaveBeenCalledTimes(1);
      await w.publish(w.orders.events.placed, { id: "slow" });
      await vi.waitFor(async () => expect(await w.moves()).toContain("cancel slow"), 5_000);
      expect(run).toHaveBeenCalledTimes(3);
      expect((await letters(2)).map(({ reason }) => reason)).toEqual(["given-up", "given-up"]);
    });

    it("says so with tries of its own, without running the reaction again", async () => {
      const w = world();
      const run = vi.fn(failing);
      let broken = 2;
      const flaky = async (event: any, context: any): Promise<void> => {
        await gaveUp(event, context);
        if (broken-- > 0) throw new Error("no line");
      };
      await shop(w, { run, gaveUp: flaky });
      await w.publish(w.orders.events.placed, { id: "a" });
      await settled(["gave up a: out of paper", "cancel a", "release undefined"]);
      expect(await letters(1)).toMatchObject([{ reason: "given-up", attempts: 5 }]);
      expect(run).toHaveBeenCalledTimes(3);
    });

    it("is a failed one where even that fails for good, and a replay says so then", async () => {
      const w = world();
      const run = vi.fn(failing);
      let broken = true;
      const flaky = async (event: any, context: any): Promise<void> => {
        if (broken) throw new Error("no line");
        await gaveUp(event, context);
      };
      await shop(w, { run, gaveUp: flaky });
      await w.publish(w.orders.events.placed, { id: "a" });
      const [letter] = await letters(1);
      expect(letter).toMatchObject({
        reason: "failed",
        error: `Error: "gaveUp" of "${w.orders.events.placed.id}" failed: Error: no line. It was given up for: Error: out of paper`,
      });
      expect(await w.states()).toEqual(["placed a giving-up"]);
      broken = false;
      await w.replay(w.stock.name);
      await settled(["gave up a: out of paper", "cancel a", "release undefined"]);
      expect(run).toHaveBeenCalledTimes(3);
    });

    it("without gaveUp is a failed one, and a replay runs it again unless it was undone meanwhile", async () => {
      const w = world();
      let broken = true;
      const run = vi.fn(async (_: unknown, { db }: any) => {
        if (broken) throw new Error("out of paper");
        await note(db, "reserve");
      });
      await shop(w, { run, gaveUp: undefined });
      await w.publish(w.orders.events.placed, { id: "a" });
      await w.publish(w.orders.events.placed, { id: "b" });
      await letters(2);
      await w.publish(w.orders.events.cancelled, { id: "b" });
      await settled(["release undefined"]);
      broken = false;
      await w.replay(w.stock.name);
      await settled(["release undefined", "reserve"]);
      await letters(0);
      expect(new Set(await w.states())).toEqual(new Set(["placed a done", "placed b undone"]));
    });
  },
);
