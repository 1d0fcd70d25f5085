import { describe, expect, it, onTestFinished, vi } from "vitest";
import { deadLetters, headers, names, service } from "../src/index.ts";
import { outboxWorld } from "./outbox-world.ts";
import { faultOf, transports } from "./shape-world.ts";
import { stores } from "./stores.ts";

describe.each(stores)("on $name", (database) => {
  describe.each(transports)("over %s", (transport) => {
    const world = outboxWorld(transport, database);

    /** A stock that says of everything that it is gone, until the test has it do something else. */
    async function stock(withStore = true) {
      const { stock: contract } = world();
      const seen = { taken: [] as number[], take: undefined as undefined | (() => void) };
      const definition = {
        methods: {
          nothing() {},
          take({ n }: { n: number }, { fail }: any) {
            seen.taken.push(n);
            if (seen.take === undefined) throw fail.GONE({ n });
            seen.take();
          },
        },
      };
      await world().start({
        services: [service(contract, withStore ? { ...definition, store: world().store() } : definition)],
      });
      return seen;
    }

    /** Has `n` taken by a transaction of the application. */
    async function send(n: number): Promise<void> {
      const store = world().store();
      const app = await world().start({ stores: [store] });
      await app.transaction(store, ({ send }) => send(world().stock.methods.take, { n }));
    }

    function lettersOf(name: string) {
      const connection = world().connect();
      onTestFinished(() => connection.close({ drainMs: 0 }));
      const letters = deadLetters(connection);
      const here = { services: [name] };
      return {
        edit: letters.edit,
        here,
        /** Resolves with the only one, when it is there. */
        only: () =>
          vi.waitFor(
            async () => {
              const found = await letters.list(here);
              expect(found.letters).toHaveLength(1);
              return found.letters[0]!;
            },
            { timeout: 10_000 },
          ),
        replay: async () => expect(await letters.replay(here)).toMatchObject({ done: 1, stayed: [] }),
        none: async () => expect((await letters.list(here)).matched).toBe(0),
      };
    }

    it("a handler's call that was refused runs again when its dead letter is replayed", async () => {
      const { stock: stockContract, shop } = world();
      const seen = await stock();
      const app = await world().start({
        services: [
          service(shop, {
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
      await app.client(shop).sell({ n: 1 });
      const letters = lettersOf(shop.name);
      expect(await letters.only()).toMatchObject({ queue: names.requests(stockContract.name) });
      seen.take = () => {};
      await letters.replay();
      await vi.waitFor(() => expect(seen.taken).toEqual([1, 1]));
      await letters.none();
    });

    it("so does one of a transaction of the application, and is a dead letter again where it fails again", async () => {
      const seen = await stock();
      await send(1);
      const letters = lettersOf(world().stock.name);
      expect(await letters.only()).toMatchObject({ replayed: 0, error: expect.stringMatching(/^GONE/) });
      await letters.replay();
      await vi.waitFor(() => expect(seen.taken).toEqual([1, 1]));
      expect(await letters.only()).toMatchObject({ replayed: 1, error: expect.stringMatching(/^GONE/) });
      seen.take = () => {
        throw new Error("No paper.");
      };
      await letters.replay();
      await vi.waitFor(() => expect(seen.taken).toHaveLength(3));
      expect(await letters.only()).toMatchObject({
        replayed: 2,
        reason: "failed",
        error: "Error: No paper.",
      });
      seen.take = () => {};
      await letters.replay();
      await vi.waitFor(() => expect(seen.taken).toHaveLength(4));
      await letters.none();
    });

    it("so does one whose body was mended", async () => {
      const seen = await stock();
      await send(1);
      const letters = lettersOf(world().stock.name);
      const { id } = await letters.only();
      seen.take = () => {};
      await letters.edit(id, { body: '{"n":2}' }, letters.here);
      await letters.replay();
      await vi.waitFor(() => expect(seen.taken).toEqual([1, 2]));
      await letters.none();
    });

    it("so does one of a service without a store, which can do nothing with its key", async () => {
      const seen = await stock(false);
      await send(1);
      const letters = lettersOf(world().stock.name);
      expect((await letters.only()).headers).toHaveProperty(headers.key);
      await letters.replay();
      await vi.waitFor(() => expect(seen.taken).toEqual([1, 1]));
      expect(await letters.only()).toMatchObject({ replayed: 1 });
      seen.take = () => {};
      await letters.replay();
      await vi.waitFor(() => expect(seen.taken).toEqual([1, 1, 1]));
      await letters.none();
    });

    it("one that was done all the same, though nobody heard of it, does not run again", async () => {
      const seen = await stock();
      seen.take = () => {};
      const { stock: contract } = world();
      const app = await world().start();
      await app.client(contract).take({ n: 1 }, { key: "k" });
      const message = {
        ...{ exchange: "", key: names.requests(contract.name), body: Buffer.from('{"n":1}') },
        ...{ contentType: "application/json", type: contract.methods.take.id, messageId: "m" },
        ...{ persistent: true, mandatory: true, headers: { [headers.key]: "k" } },
      };
      const connection = world().connect();
      onTestFinished(() => connection.close({ drainMs: 0 }));
      await connection.publish(message);
      // Behind it: one that runs.
      await connection.publish({ ...message, messageId: "n", headers: { [headers.key]: "another" } });
      await vi.waitFor(() => expect(seen.taken).toEqual([1, 1]));
      expect((await faultOf(app.client(contract).take({ n: 2 }, { key: "k" }))).code).toBe("KEY_REUSED");
    });
  });
});
