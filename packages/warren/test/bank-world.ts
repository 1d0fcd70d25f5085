import { afterEach, beforeEach } from "vitest";
import { z } from "zod";
import { amqpUrl } from "../../../test/amqp-url.ts";
import { embedded, embeddedBroker } from "../src/embedded/index.ts";
import {
  type App,
  type AppOptions,
  app,
  type Contract,
  contract,
  randomId,
  rpc,
  type Service,
  type ServiceDefinition,
  type Sql,
  type Store,
  service,
  silent,
  systemRandom,
  type Transport,
} from "../src/index.ts";
import { rabbitmq } from "../src/rabbitmq/index.ts";
import type { TransportName } from "./shape-world.ts";
import type { FreshDatabase, StoreKind } from "./stores.ts";

function bankContract(name: string) {
  return contract(name, {
    methods: {
      deposit: rpc({
        input: z.object({ account: z.string(), cents: z.number() }),
        output: z.object({ cents: z.number(), receipt: z.string() }),
        errors: { FROZEN: z.object({ since: z.number() }) },
        timeoutMs: 5_000,
      }),
      mine: rpc({ output: z.string(), access: "authenticated", timeoutMs: 5_000 }),
      total: rpc({ output: z.number() }),
    },
    events: { deposited: z.object({ account: z.string(), cents: z.number() }) },
  });
}

export type Bank = ReturnType<typeof bankContract>;
export type BankHandlers = ServiceDefinition<Bank, {}, Sql>["methods"];

/** A bank under a name of its own, with a database of its own. */
export interface BankWorld {
  readonly bank: Bank;
  /** Another connection to the same database, to be given to one app. */
  store(): Store;
  connect(): Transport;
  start(options?: Partial<AppOptions>): Promise<App>;
  /** The bank with some handlers of the test's, on a store of its own or none. */
  service(handlers?: Partial<BankHandlers>, store?: Store | "none"): Service<Contract>;
  /** What is in the accounts, as somebody else sees it. */
  balances(): Promise<Readonly<Record<string, number>>>;
  count(table: string): Promise<number>;
  /** What a handler's deposit does. */
  put(db: Sql, account: string, cents: number): Promise<number>;
}

/** A new one for each test of the describe block that it is called in. */
export function bankWorld(transport: TransportName, kind: StoreKind): () => BankWorld {
  let current: BankWorld;
  const running: App[] = [];
  beforeEach(async () => {
    current = await make(transport, await kind.fresh(), running);
  });
  afterEach(async () => {
    await Promise.all(running.splice(0).map((each) => each.stop({ drainMs: 200 })));
  });
  return () => current;
}

async function make(name: TransportName, database: FreshDatabase, running: App[]): Promise<BankWorld> {
  const bank = bankContract(`bank-${randomId(systemRandom, 8)}`);
  const broker = embeddedBroker();
  const looking = database.open();
  await looking.open();
  await looking.query("create table accounts (name text primary key, cents bigint not null)");

  const put: BankWorld["put"] = async (db, account, cents) => {
    const { rows } = await db.query<{ cents: number }>(
      `insert into accounts (name, cents) values ($1, $2)
        on conflict (name) do update set cents = accounts.cents + excluded.cents returning cents`,
      [account, cents],
    );
    return rows[0]!.cents;
  };
  const usual: BankHandlers = {
    deposit: async ({ account, cents }, { db, emit }) => {
      const after = await put(db, account, cents);
      await emit.deposited({ account, cents });
      return { cents: after, receipt: randomId(systemRandom) };
    },
    mine: (_, { principal }) => `${principal.subject} ${randomId(systemRandom)}`,
    total: async (_, { db }) => {
      const { rows } = await db.query<{ total: number | null }>(
        "select cast(sum(cents) as bigint) as total from accounts",
      );
      return rows[0]?.total ?? 0;
    },
  };
  const connect = (): Transport =>
    name === "embedded" ? embedded({ broker }) : rabbitmq({ url: amqpUrl() });
  return {
    bank,
    put,
    connect,
    store: () => database.open(),
    async start(options = {}) {
      const made = app({ log: silent, transport: connect(), ...options });
      running.push(made);
      await made.start();
      return made;
    },
    service: (handlers = {}, store = database.open()) =>
      service(bank, {
        methods: { ...usual, ...handlers },
        ...(store !== "none" && { store }),
      } as ServiceDefinition<Bank, {}, Sql>) as Service<Contract>,
    async balances() {
      const { rows } = await looking.query<{ name: string; cents: number }>(
        "select name, cents from accounts",
      );
      return Object.fromEntries(rows.map((row) => [row.name, row.cents]));
    },
    async count(table) {
      const { rows } = await looking.query<{ n: number }>(`select count(*) as n from ${table}`);
      return rows[0]!.n;
    },
  };
}
