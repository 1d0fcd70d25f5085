import { describe, expect, it } from "vitest";
import {
  type App,
  contract,
  deadLetters,
  Fault,
  isOutage,
  names,
  type ReactionOptions,
  type RetryPolicy,
  type Service,
  type Store,
  service,
} from "../src/index.ts";
import { bankWorld } from "./bank-world.ts";
import { gate, transports } from "./shape-world.ts";
import { stores } from "./stores.ts";

type Run = ReactionOptions<any, any>["run"];
const fast: RetryPolicy = { attempts: 3, baseMs: 1, capMs: 1 };

describe.each(stores)("the effect of an event in a service on $name", (kind) => {
  describe.each(transports)("over %s", (transport) => {
    const w = bankWorld(transport, kind);
    const ledgerName = (): string => w().bank.name.replace("bank", "ledger");

    /** A service that hears of deposits. */
    function ledger(
      run: Run,
      options: Omit<ReactionOptions<any, any>, "run"> = {},
      store: Store = w().store(),
      name = ledgerName(),
    ): Service {
      const made = contract(name, { events: { booked: w().bank.events.deposited.schema as never } });
      return service(made, {
        uses: { bank: w().bank },
        store,
        methods: {},
        retry: fast,
        on: { [w().bank.events.deposited.id]: { run, ...options } } as never,
      }) as Service;
    }

    /** Books it, and says so. */
    const book: Run = async ({ account, cents }, { db, emit }) => {
      await w().put(db, account, cents);
      await emit.booked({ account, cents });
    };

    /** As the broker delivers it again, under the same id. */
    async function deliver(id: string | undefined, to = `${ledgerName()}.events`, cents = 10): Promise<void> {
      const sending = w().connect();
      await sending.publish({
        exchange: "",
        key: to,
        type: w().bank.events.deposited.id,
        ...(id !== undefined && { messageId: id }),
        contentType: "application/json",
        body: Buffer.from(JSON.stringify({ account: "ann", cents })),
        persistent: true,
        mandatory: true,
      });
      await sending.close({ drainMs: 1_000 });
    }

    /** Counts what was booked, by the events of it. */
    async function booked(app: App): Promise<unknown[]> {
      const events: unknown[] = [];
      const made = contract(ledgerName(), { events: { booked: w().bank.events.deposited.schema as never } });
      await app.subscribe(made.events.booked as never, (event: unknown) => void events.push(event));
      return events;
    }

    /** Resolves when nothing of the service is left at the broker. */
    async function settled(queue = names.events(ledgerName())): Promise<void> {
      const looking = w().connect();
      await expect.poll(async () => (await looking.inspect(queue))?.messages, { timeout: 10_000 }).toBe(0);
      await looking.close({ drainMs: 0 });
    }

    it("is there once, however often it is delivered, and to however many instances at once", async () => {
      const apps = [
        await w().start({ services: [ledger(book)] }),
        await w().start({ services: [ledger(book)] }),
      ];
      const events = await booked(apps[0]!);
      await Promise.all(Array.from({ length: 10 }, () => deliver("m-1")));
      await deliver("m-2");
      await settled();
      await expect.poll(() => events).toHaveLength(2);
      await deliver("m-1");
      await deliver("m-3");
      await expect.poll(() => events).toHaveLength(3);
      await settled();
      await Promise.all(apps.map((each) => each.stop()));
      expect(await w().balances()).toEqual({ ann: 30 });
      expect(events).toHaveLength(3);
    });

    it("is there once where the handler changes nothing, and only emits", async () => {
      let runs = 0;
      const only: Run = async (event, { emit }) => {
        runs++;
        await emit.booked(event);
      };
      const apps = [
        await w().start({ services: [ledger(only)] }),
        await w().start({ services: [ledger(only)] }),
      ];
      const events = await booked(apps[0]!);
      await Promise.all(Array.from({ length: 10 }, () => deliver("m-1")));
      await settled();
      await deliver("m-2");
      await expect.poll(() => events).toHaveLength(2);
      await Promise.all(apps.map((each) => each.stop()));
      expect(events).toHaveLength(2);
      expect(runs).toBeGreaterThanOrEqual(2);
    });

    it("is there once in each of two services that share the store", async () => {
      const store = w().store();
      const other = `${ledgerName()}-two`;
      await w().start({ services: [ledger(book, {}, store), ledger(book, {}, store, other)] });
      for (let i = 0; i < 3; i++)
        for (const to of [ledgerName(), other]) await deliver("m-1", names.events(to));
      await settled();
      await settled(names.events(other));
      await expect.poll(() => w().balances()).toEqual({ ann: 20 });
    });

    it("is undone wholly where the handler fails, and there once when a later try succeeds", async () => {
      const attempts: number[] = [];
      const app = await w().start({
        services: [
          ledger(async (event, context) => {
            attempts.push(context.attempt);
            await book(event, context);
            if (context.attempt < 3) throw new Error("not yet");
          }),
        ],
      });
      const events = await booked(app);
      await deliver("m-1");
      await expect.poll(() => events).toHaveLength(1);
      await settled();
      expect(attempts).toEqual([1, 2, 3]);
      expect(await w().balances()).toEqual({ ann: 10 });
    });

    it("is undone wholly where a retry comes at once, and where its time is over", async () => {
      const attempts: number[] = [];
      await w().start({
        services: [
          ledger(
            async (event, context) => {
              attempts.push(context.attempt);
              await book(event, context);
              if (context.attempt === 1) throw new Error("not yet");
              if (context.attempt === 2) await new Promise(() => {});
            },
            { retry: { ...fast, immediate: 1 }, timeoutMs: 100 },
          ),
        ],
      });
      await deliver("m-1");
      await expect.poll(() => w().balances(), { timeout: 5_000 }).toEqual({ ann: 10 });
      expect(attempts).toEqual([1, 2, 3]);
    });

    it("is there once where its dead letter is replayed, and delivered again after that", async () => {
      let isBroken = true;
      const app = await w().start({
        services: [
          ledger(async (event, context) => {
            await book(event, context);
            if (isBroken) throw new Error("out of paper");
          }),
        ],
      });
      const events = await booked(app);
      await deliver("m-1");
      const looking = w().connect();
      const letters = deadLetters(looking);
      const here = { services: [ledgerName()] };
      await expect
        .poll(async () => (await letters.list(here)).letters.map(({ id }) => id), { timeout: 10_000 })
        .toEqual(["m-1"]);
      expect(await w().balances()).toEqual({});
      isBroken = false;
      expect(await letters.replay(here)).toMatchObject({ done: 1 });
      await expect.poll(() => w().balances(), { timeout: 5_000 }).toEqual({ ann: 10 });
      await deliver("m-1");
      await settled();
      await looking.close({ drainMs: 0 });
      await app.stop();
      expect(await w().balances()).toEqual({ ann: 10 });
      expect(events).toHaveLength(1);
    });

    it("is there once where it comes in order, in both senses", async () => {
      const seen: string[] = [];
      const run: Run = async (event, context) => {
        seen.push(`${event.cents}/${context.attempt}`);
        await book(event, context);
        if (event.cents === 1 && context.attempt === 1) throw new Error("not yet");
      };
      await w().start({ services: [ledger(run, { inOrder: ({ account }) => account })] });
      const ordered = names.orderedEvents(ledgerName());
      for (const [id, cents] of [
        ["a", 1],
        ["b", 2],
        ["a", 1],
        ["b", 2],
        ["c", 4],
      ] as const)
        await deliver(id, ordered, cents);
      await expect.poll(() => w().balances(), { timeout: 5_000 }).toEqual({ ann: 7 });
      await settled(ordered);
      expect(seen).toEqual(["1/1", "1/2", "2/1", "4/1"]);
    });

    it("is there once where it runs alone in quarantine", async () => {
      await w().start({ services: [ledger(book)] });
      for (let i = 0; i < 3; i++) await deliver("m-1", names.quarantine(ledgerName()));
      await deliver("m-1");
      await settled(names.quarantine(ledgerName()));
      await settled();
      await expect.poll(() => w().balances()).toEqual({ ann: 10 });
    });

    it("that was begun on a lost connection is not there twice, though it ran on", async () => {
      const [entered, hold, over] = [gate(), gate(), gate()];
      let runs = 0;
      const run: Run = async (event, context) => {
        const first = ++runs === 1;
        if (first) {
          entered.open();
          await hold.promise;
        }
        try {
          await book(event, context);
        } finally {
          if (first) over.open();
        }
      };
      const transportOfFirst = w().connect();
      const first = await w().start({ services: [ledger(run)], transport: transportOfFirst });
      await deliver("m-1");
      await entered.promise;
      await w().start({ services: [ledger(run)] });
      await transportOfFirst.close({ drainMs: 0 });
      await expect.poll(() => w().balances(), { timeout: 5_000 }).toEqual({ ann: 10 });
      hold.open();
      await over.promise;
      await first.stop({ drainMs: 0 });
      expect(runs).toBe(2);
      expect(await w().balances()).toEqual({ ann: 10 });
    });

    it("is there once where the handler of the slower one makes a declared fault of what it sees", async () => {
      const [entered, hold] = [gate(), gate()];
      let runs = 0;
      const failures: unknown[] = [];
      const run: Run = async (event, context) => {
        if (++runs === 2) entered.open();
        await hold.promise;
        try {
          await book(event, context);
        } catch (error) {
          failures.push(error);
          throw new Fault("SOMETHING_ELSE", undefined);
        }
      };
      await w().start({ services: [ledger(run)] });
      await w().start({ services: [ledger(run)] });
      await Promise.all([deliver("m-1"), deliver("m-1")]);
      await entered.promise;
      hold.open();
      await settled();
      await expect.poll(() => w().balances()).toEqual({ ann: 10 });
      expect(failures.map(isOutage)).toEqual([false]);
      const looking = w().connect();
      expect((await looking.inspect(names.dead(ledgerName())))?.messages).toBe(0);
      await looking.close({ drainMs: 0 });
    });

    it("that every instance wants is there for each of them", async () => {
      const every = { to: "every-instance" } as const;
      const apps = [
        await w().start({ services: [ledger(book, every)] }),
        await w().start({ services: [ledger(book, every)] }),
      ];
      await apps[0]!.emit(w().bank.events.deposited, { account: "ann", cents: 10 });
      await expect.poll(() => w().balances(), { timeout: 5_000 }).toEqual({ ann: 20 });
    });

    it("that has no id is there as often as it is delivered: nothing tells it from another", async () => {
      await w().start({ services: [ledger(book)] });
      for (let i = 0; i < 2; i++) await deliver(undefined);
      await settled();
      await expect.poll(() => w().balances()).toEqual({ ann: 20 });
    });
  });
});
