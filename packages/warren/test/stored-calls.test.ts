import { describe, expect, it } from "vitest";
import type { Sql } from "../src/index.ts";
import { bankWorld } from "./bank-world.ts";
import { faultOf, gate, transports } from "./shape-world.ts";
import { stores } from "./stores.ts";

describe.each(stores)("a method of a service with a store, on $name", (store) => {
  describe.each(transports)("over %s", (transport) => {
    const w = bankWorld(transport, store);
    const ten = { account: "ann", cents: 10 };

    /** What was published, in this app. */
    async function heard(app: Awaited<ReturnType<ReturnType<typeof w>["start"]>>): Promise<unknown[]> {
      const events: unknown[] = [];
      await app.subscribe(w().bank.events.deposited, (event) => void events.push(event));
      return events;
    }

    it("commits what it changed and emitted, before its caller has the answer", async () => {
      const app = await w().start({ services: [w().service()] });
      const events = await heard(app);
      expect(await app.client(w().bank).deposit(ten)).toMatchObject({ cents: 10 });
      expect(await w().balances()).toEqual({ ann: 10 });
      await expect.poll(() => events).toEqual([ten]);
    });

    it("changes and emits nothing when it throws, whatever it throws", async () => {
      const app = await w().start({
        services: [
          w().service({
            async deposit({ account, cents }, { db, emit, fail }) {
              await w().put(db, account, cents);
              await emit.deposited({ account, cents });
              if (cents > 10) throw fail.FROZEN({ since: 7 });
              throw new Error("out of paper");
            },
          }),
        ],
      });
      const events = await heard(app);
      const client = app.client(w().bank);
      expect(await faultOf(client.deposit(ten))).toMatchObject({ code: "INTERNAL" });
      expect(await faultOf(client.deposit({ ...ten, cents: 11 }))).toMatchObject({
        code: "FROZEN",
        data: { since: 7 },
      });
      expect(await w().balances()).toEqual({});
      expect(await w().count("warren_outbox")).toBe(0);
      expect(events).toEqual([]);
    });

    it("changes nothing when what it returns does not fit the contract", async () => {
      const app = await w().start({
        services: [
          w().service({
            async deposit({ account, cents }, { db }) {
              await w().put(db, account, cents);
              return { cents: "ten" } as never;
            },
          }),
        ],
      });
      expect((await faultOf(app.client(w().bank).deposit(ten))).code).toBe("INTERNAL");
      expect(await w().balances()).toEqual({});
    });

    it("is undone when it is given up at its deadline, and cannot change anything any more", async () => {
      const [aborted, hold, ended] = [gate(), gate(), gate<unknown>()];
      const app = await w().start({
        services: [
          w().service({
            async deposit({ account, cents }, { db, signal }) {
              await w().put(db, account, cents);
              signal.addEventListener("abort", () => aborted.open());
              await hold.promise;
              ended.open(
                await w()
                  .put(db, account, cents)
                  .catch((error: unknown) => error),
              );
              return { cents, receipt: "" };
            },
          }),
        ],
      });
      const call = faultOf(app.client(w().bank).deposit(ten, { timeoutMs: 300 }));
      expect((await call).code).toBe("TIMEOUT");
      await aborted.promise;
      await expect.poll(() => w().balances()).toEqual({});
      hold.open();
      expect(String(await ended.promise)).toContain("The handler is over");
      expect(await w().balances()).toEqual({});
    });

    it("is undone when the app stops and its drain time is over", async () => {
      const entered = gate();
      const serving = await w().start({
        services: [
          w().service({
            async deposit({ account, cents }, { db }) {
              await w().put(db, account, cents);
              entered.open();
              return new Promise(() => {});
            },
          }),
        ],
      });
      const calling = await w().start();
      const call = faultOf(calling.client(w().bank).deposit(ten));
      await entered.promise;
      await serving.stop({ drainMs: 10 });
      expect((await call).code).toBe("UNKNOWN_OUTCOME");
      expect(await w().balances()).toEqual({});
    });

    it("is INTERNAL, and changes nothing, when its transaction cannot commit", async () => {
      const own = w().store();
      let isFull = false;
      const failing = {
        ...own,
        async begin() {
          const transaction = await own.begin();
          return {
            ...transaction,
            async commit() {
              if (!isFull) return transaction.commit();
              await transaction.rollback();
              throw new Error("the disk is full");
            },
          };
        },
      };
      const app = await w().start({ services: [w().service({}, failing)] });
      const events = await heard(app);
      isFull = true;
      expect((await faultOf(app.client(w().bank).deposit(ten))).code).toBe("INTERNAL");
      expect(await w().balances()).toEqual({});
      expect(events).toEqual([]);
    });

    it("that asks nothing of the store does not begin a transaction", async () => {
      const own = w().store();
      let begun = 0;
      const counting = { ...own, begin: () => (begun++, own.begin()) };
      const app = await w().start({
        services: [w().service({ total: () => 7 }, counting)],
      });
      const before = begun;
      expect(await app.client(w().bank).total()).toBe(7);
      expect(begun).toBe(before);
    });

    it("may be synchronous, and may use the store at the same time as others", async () => {
      const app = await w().start({ services: [w().service()] });
      const client = app.client(w().bank);
      await Promise.all(
        Array.from({ length: 50 }, (_, i) => client.deposit({ account: `a${i % 5}`, cents: 1 })),
      );
      expect(await client.total()).toBe(50);
    });

    it("that was delivered before is not run again", async () => {
      let runs = 0;
      const deposit = async (_: unknown, { db }: { db: Sql }) => {
        runs++;
        await w().put(db, "ann", 1);
        return runs === 1 ? new Promise<never>(() => {}) : { cents: 1, receipt: "" };
      };
      const transportOfFirst = w().connect();
      await w().start({ services: [w().service({ deposit })], transport: transportOfFirst });
      const calling = await w().start();
      const call = faultOf(calling.client(w().bank).deposit(ten));
      await expect.poll(() => runs).toBe(1);
      await w().start({ services: [w().service({ deposit })] });
      await transportOfFirst.close({ drainMs: 0 });
      expect((await call).code).toBe("UNKNOWN_OUTCOME");
      expect(runs).toBe(1);
    });
  });
});
