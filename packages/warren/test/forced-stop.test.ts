import { describe, expect, it } from "vitest";
import { z } from "zod";
import { embedded } from "../src/embedded/index.ts";
import { app, contract, type Logger, rpc, type Service, service, silent } from "../src/index.ts";
import { virtualClock } from "../src/testing/index.ts";
import { bankWorld } from "./bank-world.ts";
import { faultOf, gate } from "./shape-world.ts";
import { stores } from "./stores.ts";
import { note, undoWorld } from "./undo-world.ts";

/** Work that has begun a transaction, and does not end by itself. */
function endless() {
  const entered = gate();
  return {
    entered: entered.promise,
    async after(change: Promise<unknown>): Promise<never> {
      await change;
      entered.open();
      return new Promise(() => {});
    },
  };
}

describe.each(stores)(
  "work that a stop interrupts, on $name, is given back before the stop is over:",
  (kind) => {
    describe("in the journal,", () => {
      const w = undoWorld("embedded", kind);

      it("a run of a schedule, as if it had not been tried", async () => {
        const { stock, store, start } = w();
        const own = await store();
        const { entered, after } = endless();
        const run = (_: unknown, { db }: any) => after(note(db, "run"));
        const kept = service(stock, {
          ...{ store: own, methods: {}, retry: { attempts: 1 } },
          schedules: { often: { cron: "* * * * * *", run } },
        });
        const app = await start([kept as Service<any>]);
        await entered;
        await app.stop({ drainMs: 10 });
        const { rows } = await (await store()).query("select state, attempt from warren_schedules");
        expect(rows).toEqual([{ state: "waiting", attempt: 0 }]);
        expect(await w().moves()).toEqual([]);
      });

      it("a reaction with undo, which need not be waited for by its undo", async () => {
        const { stock, orders, store, start, publish } = w();
        const { entered, after } = endless();
        const run = (_: unknown, { db }: any) => after(note(db, "run"));
        const app = await start([
          service(
            stock as any,
            {
              ...{ uses: { orders }, store: await store(), methods: {} },
              on: { [orders.events.placed.id]: { run, undo: { [orders.events.cancelled.id]: () => {} } } },
            } as any,
          ),
        ]);
        await publish(orders.events.placed, { id: "a" });
        await entered;
        await app.stop({ drainMs: 10 });
        expect(await w().states()).toEqual(["placed a failed"]);
        expect(await w().moves()).toEqual([]);
      });
    });

    describe("among the answers,", () => {
      const w = bankWorld("embedded", kind);

      it("the key of a call", async () => {
        const { entered, after } = endless();
        const serving = await w().start({
          services: [
            w().service({ deposit: ({ account, cents }, { db }) => after(w().put(db, account, cents)) }),
          ],
        });
        const calling = await w().start();
        void faultOf(calling.client(w().bank).deposit({ account: "ann", cents: 10 }, { key: "k" }));
        await entered;
        await serving.stop({ drainMs: 10 });
        expect(await w().count("warren_answers")).toBe(0);
        expect(await w().balances()).toEqual({});
      });
    });
  },
);

it("is over two seconds after its drain time, also where a consumer does not end, and says that it did not", async () => {
  const clock = virtualClock();
  const warned: unknown[] = [];
  const log: Logger = { ...silent, warn: (...line) => void warned.push(line), child: () => log };
  const transport = Object.assign(embedded(), {
    consume: async () => ({ stop: () => new Promise<void>(() => {}) }),
  });
  const idle = service(contract("idle", { methods: { nothing: rpc({ output: z.string() }) } }), {
    methods: { nothing: () => "" },
  });
  const stopping = app({ log, clock, transport, services: [idle as Service<any>] });
  await stopping.start();
  let isOver = false;
  const stopped = stopping.stop({ drainMs: 1_000 }).then(() => {
    isOver = true;
  });
  await clock.advance(2_999);
  expect(isOver).toBe(false);
  await clock.advance(1);
  await stopped;
  const text = "the drain time is over with work still under way, which is interrupted";
  expect(warned).toEqual([[{ drainMs: 1_000, handlers: 0 }, text]]);
});
