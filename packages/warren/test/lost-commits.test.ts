import { describe, expect, it, onTestFinished } from "vitest";
import { postgres } from "../src/postgres/index.ts";
import { OutcomeUnknown, type Store } from "../src/store.ts";
import { tcpProxy } from "../src/testing/index.ts";
import { type BankHandlers, bankWorld } from "./bank-world.ts";
import { faultOf } from "./shape-world.ts";
import { type FreshDatabase, type StoreKind, stores } from "./stores.ts";

const ten = { account: "ann", cents: 10 };

/** A store whose commits are done, and of which the answer to one can be lost. */
interface Losing {
  readonly store: Store;
  loseNext(): void;
}

async function losing(database: FreshDatabase): Promise<Losing> {
  if (database.kind === "sqlite") {
    const store = database.open();
    return onCommit(store, async (commit) => {
      await commit();
      throw new OutcomeUnknown("here", new Error("the connection was reset"));
    });
  }
  const url = new URL(database.location);
  const proxy = await tcpProxy({ host: url.hostname, port: Number(url.port) });
  onTestFinished(() => proxy.close());
  url.port = String(proxy.port);
  const store = postgres({ url: url.href });
  onTestFinished(() => store.close());
  return onCommit(store, (commit) => {
    // The statement arrives, its answer does not.
    proxy.cutAfter("down", 0);
    return commit();
  });
}

function onCommit(store: Store, lose: (commit: () => Promise<void>) => Promise<void>): Losing {
  let isNext = false;
  return {
    loseNext() {
      isNext = true;
    },
    store: {
      ...store,
      async begin() {
        const transaction = await store.begin();
        const { commit } = transaction;
        return {
          ...transaction,
          commit() {
            if (!isNext) return commit();
            isNext = false;
            return lose(commit);
          },
        };
      },
    },
  };
}

/** The database of a test, seen by whoever makes it. */
function remembered(kind: StoreKind): StoreKind & { last(): FreshDatabase } {
  let last: FreshDatabase;
  return { ...kind, fresh: async () => (last = await kind.fresh()), last: () => last };
}

describe.each(stores.map(remembered))("a commit whose answer is lost, on $name", (kind) => {
  const w = bankWorld("embedded", kind);

  async function bank(handlers: Partial<BankHandlers> = {}) {
    const { store, loseNext } = await losing(kind.last());
    const app = await w().start({ services: [w().service(handlers, store)] });
    const events: unknown[] = [];
    await app.subscribe(w().bank.events.deposited, (event) => void events.push(event));
    return { client: app.client(w().bank), events, loseNext };
  }

  it("is UNKNOWN_OUTCOME to the caller of a method that changes something", async () => {
    const { client, loseNext } = await bank();
    loseNext();
    const fault = await faultOf(client.deposit(ten));
    expect(fault).toMatchObject({ code: "UNKNOWN_OUTCOME", data: { service: w().bank.name } });
    expect(fault.message).toMatch(/database.*deposit/);
    await expect.poll(() => w().balances()).toEqual({ ann: 10 });
  });

  it("is UNKNOWN_OUTCOME to all callers of methods that commit together, and none of it is done twice", async () => {
    const { client, events, loseNext } = await bank({
      async deposit(deposit, { emit }) {
        await emit.deposited(deposit);
        return { cents: deposit.cents, receipt: "" };
      },
    });
    loseNext();
    const both = await Promise.all([1, 2].map((cents) => faultOf(client.deposit({ ...ten, cents }))));
    expect(both.map(({ code }) => code)).toEqual(["UNKNOWN_OUTCOME", "UNKNOWN_OUTCOME"]);
    expect(await w().count("warren_outbox")).toBe(2);
    await client.deposit({ ...ten, cents: 3 });
    await expect.poll(() => events).toContainEqual({ ...ten, cents: 3 });
  });

  it("is UNKNOWN_OUTCOME to a caller with a key, who repeats the call and is given its answer", async () => {
    let runs = 0;
    const { client, loseNext } = await bank({
      async deposit({ account, cents }, { db }) {
        runs++;
        return { cents: await w().put(db, account, cents), receipt: "" };
      },
    });
    loseNext();
    expect((await faultOf(client.deposit(ten, { key: "k" }))).code).toBe("UNKNOWN_OUTCOME");
    expect(await client.deposit(ten, { key: "k" })).toEqual({ cents: 10, receipt: "" });
    expect(runs).toBe(1);
    expect(await w().balances()).toEqual({ ann: 10 });
  });
});
