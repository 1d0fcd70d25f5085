import { describe, expect, it, vi } from "vitest";
import { type Fault, headers, inTransaction, type Sql, service } from "../src/index.ts";
import { sink } from "./events-world.ts";
import { deadLettersIn, type OutboxWorld, outboxWorld } from "./outbox-world.ts";
import { faultOf, transports } from "./shape-world.ts";
import { stores } from "./stores.ts";

const insert = (db: Sql, n: number) => db.query("insert into done (n) values ($1)", [n]);

describe.each(stores)("on $name", (database) => {
  describe.each(transports)("over %s", (transport) => {
    const world = outboxWorld(transport, database);
    const done = async (): Promise<number[]> =>
      (await world().query<{ n: number }>("select n from done order by n")).rows.map(({ n }) => n);
    const nothingWaits = (): Promise<void> =>
      vi.waitFor(async () => expect(await world().waiting()).toBe(0), { timeout: 5_000, interval: 10 });

    /** Sells what is asked for, and fails for what is negative. */
    const shop = ({ shop, store }: OutboxWorld) =>
      service(shop, {
        store: store(),
        retry: { attempts: 1 },
        methods: {
          async sell({ n }, { db, emit, fail }) {
            await insert(db, n);
            await emit.sold({ n });
            if (n < 0) throw fail.CLOSED();
            return n;
          },
        },
        on: {
          [`${shop.name}.asked`]: async ({ n, key }: { n: number; key?: string }, { db, emit }: any) => {
            await insert(db, n);
            await emit.sold({ n, key }, key === undefined ? {} : { lane: key });
            if (n < 0) throw new Error("No.");
          },
        } as {},
      });

    it("what a handler emits is sent with what it changed, or not at all", async () => {
      const app = await world().start({ services: [shop(world())] });
      const heard = await world().heard();
      const { sell } = app.client(world().shop);
      await faultOf(sell({ n: -1 }));
      await sell({ n: 1 });
      await app.emit(world().shop.events.asked, { n: -2 });
      await app.emit(world().shop.events.asked, { n: 2 });
      expect((await heard.until(2)).toSorted()).toEqual(["1", "2"]);
      expect(await done()).toEqual([1, 2]);
      await nothingWaits();
      expect(heard.values).toHaveLength(2);
    });

    it("only what is sent later has an id to give, so that a handler may return what `emit` does", async () => {
      const { stock: stockContract, shop: shopContract } = world();
      const given: unknown[] = [];
      const app = await world().start({
        services: [
          service(shopContract, {
            store: world().store(),
            uses: { stock: stockContract },
            methods: {
              async sell({ n }, { emit, send, after }) {
                given.push(await emit.sold({ n }), await send.stock.take({ n }));
                given.push(await after(0).emit.sold({ n }), await after(60_000).send.stock.take({ n }));
                return n;
              },
            },
          }),
        ],
      });
      await app.client(shopContract).sell({ n: 1 });
      expect(given).toEqual([undefined, undefined, expect.any(String), expect.any(String)]);
    });

    it("a transaction of the application sends with its changes, or not at all", async () => {
      const store = world().store();
      const app = await world().start({ stores: [store] });
      const heard = await world().heard();
      const { sold } = world().shop.events;
      const failing = app.transaction(store, async ({ db, emit }) => {
        await insert(db, 1);
        await emit(sold, { n: 1 });
        throw new Error("No.");
      });
      await expect(failing).rejects.toThrow("No.");
      const result = await app.transaction(store, async ({ db, emit }) => {
        await insert(db, 2);
        await emit(sold, { n: 2 });
        return "done";
      });
      expect(result).toBe("done");
      expect(await heard.until(1)).toEqual(["2"]);
      expect(await done()).toEqual([2]);
      await nothingWaits();
    });

    it("a transaction that the application begins itself can be joined", async () => {
      const store = world().store();
      const app = await world().start({ stores: [store] });
      const heard = await world().heard();
      const { sold } = world().shop.events;
      const failing = inTransaction(store, async (sql) => {
        await app.join(store, sql).emit(sold, { n: 1 });
        throw new Error("No.");
      });
      await expect(failing).rejects.toThrow("No.");
      const told = await inTransaction(store, async (sql) => {
        const joined = app.join(store, sql);
        await insert(sql, 2);
        await joined.emit(sold, { n: 2 });
        return joined;
      });
      told.committed();
      expect(await heard.until(1)).toEqual(["2"]);
      // Nobody says that this one has committed; it is found.
      await inTransaction(store, (sql) => app.join(store, sql).emit(sold, { n: 3 }));
      expect(await heard.until(2)).toEqual(["2", "3"]);
      expect(await done()).toEqual([2]);
    });

    it("refuses a store that is none of the app's, and an app that has not started", async () => {
      const store = world().store();
      const app = await world().start();
      await expect(app.transaction(store, async () => {})).rejects.toThrow("none of the app's");
      expect(() => app.join(store, store)).toThrow("none of the app's");
    });

    it("events of one lane come in the order in which they were committed, with several processes that send", async () => {
      const apps = await Promise.all(
        Array.from({ length: 3 }, async () => {
          const store = world().store();
          return { store, app: await world().start({ stores: [store] }) };
        }),
      );
      const heard = await world().heard();
      const rounds = 40;
      const keys = ["x", "y", "z"];
      await Promise.all(
        keys.map(async (key, k) => {
          for (let n = 0; n < rounds; n++) {
            const { app, store } = apps[(n + k) % 3]!;
            await app.transaction(store, ({ emit }) =>
              emit(world().shop.events.sold, { n, key }, { lane: key }),
            );
          }
        }),
      );
      const all = await heard.until(rounds * keys.length);
      for (const key of keys)
        expect(all.filter((each) => each.startsWith(key))).toEqual(
          Array.from({ length: rounds }, (_, n) => `${key} ${n}`),
        );
      await nothingWaits();
    });

    it("several processes share what waits, and send nothing twice", async () => {
      const first = world().store();
      const app = await world().start({ stores: [first] });
      const heard = await world().heard();
      await inTransaction(first, async (sql) => {
        const { emit } = app.join(first, sql);
        for (let n = 0; n < 500; n++) await emit(world().shop.events.sold, { n });
      });
      await Promise.all([1, 2].map(() => world().start({ stores: [world().store()] })));
      await heard.until(500);
      await nothingWaits();
      expect(new Set(heard.values).size).toBe(500);
      expect(heard.values).toHaveLength(500);
    });

    describe("a call that is to be made", () => {
      /** A stock that counts what it is asked, and does what the test says. */
      async function stock(take: (n: number, times: number) => unknown, withStore = true) {
        const asked = sink<{ n: number; attempt: number }>();
        const definition = {
          methods: {
            nothing() {},
            async take({ n }: { n: number }) {
              asked.put({ n, attempt: asked.values.length + 1 });
              await take(n, asked.values.length);
            },
          },
        };
        const { stock } = world();
        await world().start({
          services: [service(stock, withStore ? { ...definition, store: world().store() } : definition)],
        });
        return asked;
      }

      it("is made once after the commit, and not where the handler fails", async () => {
        const { stock: stockContract, shop: shopContract } = world();
        const asked = await stock(() => {});
        const app = await world().start({
          services: [
            service(shopContract, {
              store: world().store(),
              uses: { stock: stockContract },
              methods: {
                async sell({ n }, { send, fail }) {
                  await send.stock.take({ n });
                  if (n < 0) throw fail.CLOSED();
                  return n;
                },
              },
            }),
          ],
        });
        const { sell } = app.client(shopContract);
        await faultOf(sell({ n: -1 }));
        await sell({ n: 1 });
        await asked.until(1);
        await nothingWaits();
        expect(asked.values.map(({ n }) => n)).toEqual([1]);
      });

      it("is made again until it is answered", async () => {
        const asked = await stock((_, times) => {
          if (times < 3) throw new Error("Not now.");
        });
        const store = world().store();
        const app = await world().start({ stores: [store], random: () => 0.001 });
        await app.transaction(store, ({ send }) => send(world().stock.methods.take, { n: 1 }));
        await asked.until(3);
        await nothingWaits();
        expect(asked.values).toHaveLength(3);
      });

      it("waits for a service that is down for as long as it takes", async () => {
        const { stock: stockContract } = world();
        const away = await world().start({
          services: [
            service(stockContract, { store: world().store(), methods: { nothing() {}, take() {} } }),
          ],
        });
        // Its queue stays.
        await away.stop({ drainMs: 0 });
        const letters = await deadLettersIn(world(), stockContract.name);
        const store = world().store();
        const app = await world().start({ stores: [store], random: () => 0 });
        await app.transaction(store, ({ send }) =>
          send(stockContract.methods.take, { n: 1 }, { timeoutMs: 100 }),
        );
        const why = async (): Promise<unknown> => {
          const { rows } = await world().query<{ last_error: string }>(
            "select last_error from warren_outbox",
          );
          return rows[0]?.last_error;
        };
        const said = /^UNAVAILABLE: .* no instance of it is running/;
        await vi.waitFor(async () => expect(await why()).toMatch(said), { timeout: 10_000 });
        const asked = await stock(() => {});
        await asked.until(1);
        await nothingWaits();
        expect(letters.values).toEqual([]);
      });

      it("is made without a key where the service has no store", async () => {
        const asked = await stock(() => {}, false);
        const store = world().store();
        const app = await world().start({ stores: [store] });
        await app.transaction(store, ({ send }) => send(world().stock.methods.take, { n: 1 }));
        await asked.until(1);
        await nothingWaits();
      });

      it("becomes a dead letter of the service that wanted it when the answer is a declared fault", async () => {
        const { stock: stockContract, shop: shopContract } = world();
        await world().start({
          services: [
            service(stockContract, {
              store: world().store(),
              methods: {
                nothing() {},
                take({ n }, { fail }) {
                  throw fail.GONE({ n });
                },
              },
            }),
          ],
        });
        const app = await world().start({
          services: [
            service(shopContract, {
              store: world().store(),
              uses: { stock: stockContract },
              methods: {
                async sell({ n }, { send }) {
                  await send.stock.take({ n });
                  return n;
                },
              },
            }),
          ],
        });
        const letters = await deadLettersIn(world(), shopContract.name);
        await app.client(shopContract).sell({ n: 7 });
        const [letter] = await letters.until(1);
        await nothingWaits();
        expect(letter).toMatchObject({
          type: stockContract.methods.take.id,
          headers: { [headers.reason]: "failed", [headers.service]: shopContract.name },
        });
        expect(letter?.headers?.[headers.error]).toMatch(/^GONE: .* \{"n":7\}$/);
        expect(letter?.headers?.[headers.queue]).toBe(`${stockContract.name}.requests`);
      });

      it("is checked before the commit", async () => {
        const store = world().store();
        const app = await world().start({ stores: [store] });
        const { take } = world().stock.methods;
        const wrong = app.transaction(store, ({ send }) => send(take, { n: "1" } as never));
        expect(((await faultOf(wrong)) as Fault).code).toBe("INVALID_INPUT");
        const never = app.transaction(store, ({ send }) => send(take, { n: 1 }, { timeoutMs: 0.5 }));
        await expect(never).rejects.toThrow("timeoutMs is 0.5");
        expect(await world().waiting()).toBe(0);
      });
    });
  });
});
