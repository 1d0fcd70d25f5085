import { describe, expect, it } from "vitest";
import { z } from "zod";
import { contract, headers, names, rpc, type Sql, service } from "../src/index.ts";
import { type BankHandlers, bankWorld } from "./bank-world.ts";
import { faultOf, gate, transports } from "./shape-world.ts";
import { stores } from "./stores.ts";

const ten = { account: "ann", cents: 10 };
const ann = { subject: "ann", scopes: [] };
const bob = { subject: "bob", scopes: [] };

describe.each(stores)("a call with a key, to a service on $name", (store) => {
  describe.each(transports)("over %s", (transport) => {
    const w = bankWorld(transport, store);

    /** A deposit that counts its runs, and that a test can hold up. */
    function counted(inTheMiddle: (run: number) => unknown = () => {}) {
      const seen = { runs: 0 };
      const deposit: BankHandlers["deposit"] = async ({ account, cents }, { db, emit, messageId }) => {
        const run = ++seen.runs;
        const after = await w().put(db, account, cents);
        await inTheMiddle(run);
        await emit.deposited({ account, cents });
        return { cents: after, receipt: `${messageId} ${run}` };
      };
      return { seen, deposit };
    }

    it("runs once: whoever repeats it is given the same answer", async () => {
      const { seen, deposit } = counted();
      const app = await w().start({ services: [w().service({ deposit })] });
      const events: unknown[] = [];
      await app.subscribe(w().bank.events.deposited, (event) => void events.push(event));
      const other = await w().start({ services: [w().service({ deposit })] });
      const first = await app.client(w().bank).deposit(ten, { key: "k" });
      for (const each of [app, other, app])
        expect(await each.client(w().bank).deposit(ten, { key: "k" })).toEqual(first);
      expect(await app.client(w().bank).deposit(ten, { key: "k", to: other.instance })).toEqual(first);
      expect(seen.runs).toBe(1);
      expect(await w().balances()).toEqual({ ann: 10 });
      await expect.poll(() => events).toEqual([ten]);
      await app.client(w().bank).deposit(ten, { key: "another" });
      expect(await w().balances()).toEqual({ ann: 20 });
    });

    it("is given the same declared fault as well, of which nothing else is left", async () => {
      let runs = 0;
      const app = await w().start({
        services: [
          w().service({
            async deposit({ account, cents }, { db, fail }) {
              await w().put(db, account, cents);
              throw fail.FROZEN({ since: ++runs });
            },
          }),
        ],
      });
      for (let i = 0; i < 2; i++)
        expect(await faultOf(app.client(w().bank).deposit(ten, { key: "k" }))).toMatchObject({
          code: "FROZEN",
          data: { since: 1 },
          message: expect.stringContaining("FROZEN"),
        });
      expect(await w().balances()).toEqual({});
    });

    it("may be tried again after anything that is no answer", async () => {
      const outcomes: (() => unknown)[] = [
        () => {
          throw new Error("out of paper");
        },
        () => ({ cents: "not what the contract says" }),
        () => new Promise(() => {}),
        () => ({ cents: 1, receipt: "at last" }),
      ];
      const app = await w().start({
        services: [
          w().service({
            async deposit({ account, cents }, { db }) {
              await w().put(db, account, cents);
              return outcomes.shift()!() as never;
            },
          }),
        ],
      });
      const client = app.client(w().bank);
      const codes = [];
      for (let i = 0; i < 3; i++)
        codes.push((await faultOf(client.deposit(ten, { key: "k", timeoutMs: 300 }))).code);
      expect(codes).toEqual(["INTERNAL", "INTERNAL", "TIMEOUT"]);
      expect(await w().balances()).toEqual({});
      expect(await client.deposit(ten, { key: "k" })).toEqual({ cents: 1, receipt: "at last" });
      expect(await w().balances()).toEqual({ ann: 10 });
    });

    it("is refused where the key was used with another input, whoever answers", async () => {
      const { seen, deposit } = counted();
      const app = await w().start({ services: [w().service({ deposit })] });
      const client = app.client(w().bank);
      await client.deposit(ten, { key: "k" });
      expect(await faultOf(client.deposit({ ...ten, cents: 11 }, { key: "k" }))).toMatchObject({
        code: "KEY_REUSED",
        from: w().bank.name,
      });
      // The same input in another order is the same.
      await client.deposit({ cents: 10, account: "ann" }, { key: "k" });
      expect(seen.runs).toBe(1);
    });

    it("has a key of its own for each principal, and for each method", async () => {
      const app = await w().start({ services: [w().service()] });
      const client = app.client(w().bank);
      const mine = (principal: typeof ann) => client.mine(undefined, { key: "k", principal });
      const [toAnn, toBob] = [await mine(ann), await mine(bob)];
      expect(toAnn).toMatch(/^ann /);
      expect(toBob).toMatch(/^bob /);
      expect([await mine(ann), await mine(bob)]).toEqual([toAnn, toBob]);
      expect(await client.total(undefined, { key: "k" })).toBe(0);
      // Who may not ask is not answered, key or no key.
      expect((await faultOf(client.mine(undefined, { key: "k" }))).code).toBe("UNAUTHENTICATED");
    });

    it("waits for another one with its key that is under way, on whichever instance, and has its answer", async () => {
      const [entered, hold] = [gate(), gate()];
      const { seen, deposit } = counted(() => {
        entered.open();
        return hold.promise;
      });
      const [one, two] = [
        await w().start({ services: [w().service({ deposit })] }),
        await w().start({ services: [w().service({ deposit })] }),
      ];
      const first = one.client(w().bank).deposit(ten, { key: "k", to: one.instance });
      await entered.promise;
      const others = [one, two].map((each) =>
        each.client(w().bank).deposit(ten, { key: "k", to: each.instance }),
      );
      // Both are there: what comes after them has been answered.
      for (const each of [one, two]) await each.client(w().bank).mine(undefined, { principal: ann });
      hold.open();
      const answer = await first;
      expect(await Promise.all(others)).toEqual([answer, answer]);
      expect(seen.runs).toBe(1);
      expect(await w().balances()).toEqual({ ann: 10 });
    });

    it("that waits runs itself where the other one fails", async () => {
      const [entered, hold] = [gate(), gate()];
      const { seen, deposit } = counted(async (run) => {
        if (run > 1) return;
        entered.open();
        await hold.promise;
        throw new Error("out of paper");
      });
      const app = await w().start({ services: [w().service({ deposit })] });
      const client = app.client(w().bank);
      const first = faultOf(client.deposit(ten, { key: "k" }));
      await entered.promise;
      const second = client.deposit(ten, { key: "k" });
      await client.mine(undefined, { principal: ann });
      hold.open();
      expect((await first).code).toBe("INTERNAL");
      expect(await second).toMatchObject({ cents: 10 });
      expect(seen.runs).toBe(2);
      expect(await w().balances()).toEqual({ ann: 10 });
    });

    it("is told that its key is in use before its time is over, and one of too many that wait at once", async () => {
      const [entered, hold] = [gate(), gate()];
      const { deposit } = counted(() => {
        entered.open();
        return hold.promise;
      });
      const app = await w().start({ services: [w().service({ deposit })] });
      const client = app.client(w().bank);
      const first = client.deposit(ten, { key: "k" });
      await entered.promise;
      expect((await faultOf(client.deposit(ten, { key: "k", timeoutMs: 200 }))).code).toBe("KEY_IN_USE");
      const many = Array.from({ length: 11 }, () => client.deposit(ten, { key: "k" }));
      expect((await faultOf(Promise.race(many))).code).toBe("KEY_IN_USE");
      hold.open();
      const outcomes = await Promise.allSettled(many);
      expect(outcomes.filter(({ status }) => status === "fulfilled")).toHaveLength(10);
      await first;
      expect(await w().balances()).toEqual({ ann: 10 });
    });

    it("is refused by a service without a store, and so is a bad key, and one for every instance", async () => {
      let runs = 0;
      const plain = w().service({ total: () => ++runs }, "none");
      const client = (await w().start({ services: [plain] })).client(w().bank);
      expect(await faultOf(client.total(undefined, { key: "k" }))).toMatchObject({
        code: "KEY_UNSUPPORTED",
        message: expect.stringContaining("has no store"),
      });
      for (const key of ["", "x".repeat(201), "a\nb", "\u0000", "\ud800", 7 as never])
        expect((await faultOf(client.total(undefined, { key }))).code).toBe("INVALID_INPUT");
      const every = (await w().start()).every(w().bank);
      await expect(every.total(undefined, { key: "k" } as {})).rejects.toMatchObject({
        code: "KEY_UNSUPPORTED",
      });
      expect(runs).toBe(0);
      expect(await client.total(undefined)).toBe(1);
    });

    it("is refused by the service too where a stranger sent a bad key", async () => {
      const app = await w().start({ services: [w().service()] });
      const asking = w().connect();
      const reply = gate<unknown>();
      const replies = await asking.replies((message) => reply.open(message.headers?.[headers.fault]));
      asking.send({
        exchange: "",
        key: names.requests(w().bank.name),
        type: w().bank.methods.total.id,
        messageId: "m",
        replyTo: replies.address!,
        body: Buffer.alloc(0),
        persistent: false,
        mandatory: true,
        headers: { [headers.key]: "x".repeat(201) },
      });
      expect(await reply.promise).toBe("INVALID_INPUT");
      await asking.close({ drainMs: 0 });
      await app.stop();
    });

    it("is not inherited by calls that its handler makes, who can make keys of it", async () => {
      const shop = contract(`shop-${w().bank.name}`, { methods: { sell: rpc({ output: z.string() }) } });
      const keys: unknown[] = [];
      const { deposit } = counted();
      const watched = w().service({
        deposit: (input, context) => {
          keys.push(context.key);
          return deposit(input, context);
        },
      });
      const selling = service(shop, {
        uses: { bank: w().bank },
        store: w().store(),
        methods: {
          async sell(_, { call, key }) {
            await call.bank.deposit(ten);
            const { receipt } = await call.bank.deposit(ten, { key: `${key}: second` });
            return receipt;
          },
        },
      });
      const app = await w().start({ services: [watched, selling] });
      await app.client(shop).sell(undefined, { key: "k" });
      expect(keys).toEqual([undefined, "k: second"]);
      expect(await w().balances()).toEqual({ ann: 20 });
    });

    it("is run by another instance when the one that had it has lost its connection, and what goes on there commits nothing", async () => {
      const [entered, hold] = [gate(), gate()];
      let runs = 0;
      const deposit: BankHandlers["deposit"] = async ({ account, cents }, { db }) => {
        const run = ++runs;
        if (run === 1) {
          entered.open();
          await hold.promise;
        }
        return { cents: await w().put(db, account, cents), receipt: `run ${run}` };
      };
      // The handler runs on, while the broker gives its request to somebody else.
      const transportOfFirst = w().connect();
      await w().start({ services: [w().service({ deposit })], transport: transportOfFirst });
      const calling = await w().start();
      const call = calling.client(w().bank).deposit(ten, { key: "k" });
      await entered.promise;
      await w().start({ services: [w().service({ deposit })] });
      await transportOfFirst.close({ drainMs: 0 });
      expect(await call).toMatchObject({ receipt: "run 2" });
      hold.open();
      expect(await calling.client(w().bank).deposit(ten, { key: "k" })).toMatchObject({ receipt: "run 2" });
      await expect.poll(() => runs).toBe(2);
      expect(await w().balances()).toEqual({ ann: 10 });
    });

    it("is given to another instance when the app stops and its drain time is over", async () => {
      const { seen, deposit } = counted((run) => (run === 1 ? new Promise(() => {}) : undefined));
      const first = await w().start({ services: [w().service({ deposit })] });
      const calling = await w().start();
      const call = calling.client(w().bank).deposit(ten, { key: "k" });
      await expect.poll(() => seen.runs).toBe(1);
      await w().start({ services: [w().service({ deposit })] });
      await first.stop({ drainMs: 10 });
      expect(await call).toMatchObject({ cents: 10 });
      expect(await w().balances()).toEqual({ ann: 10 });
    });

    it("may come ten times at once, to a handler that asks others first", async () => {
      let runs = 0;
      const deposit = async (_: unknown, { db }: { db: Sql }) => {
        runs++;
        await new Promise((resolve) => setImmediate(resolve));
        return { cents: await w().put(db, "ann", 10), receipt: "" };
      };
      const apps = [
        await w().start({ services: [w().service({ deposit })] }),
        await w().start({ services: [w().service({ deposit })] }),
      ];
      const calls = Array.from({ length: 10 }, (_, i) =>
        apps[i % 2]!.client(w().bank).deposit(ten, { key: "k" }),
      );
      expect(new Set((await Promise.all(calls)).map(({ cents }) => cents))).toEqual(new Set([10]));
      expect(runs).toBe(1);
    });
  });
});
