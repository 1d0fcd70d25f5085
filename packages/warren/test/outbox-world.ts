import { afterEach, beforeEach, onTestFinished } from "vitest";
import { z } from "zod";
import { amqpUrl } from "../../../test/amqp-url.ts";
import { embedded, embeddedBroker } from "../src/embedded/index.ts";
import {
  type App,
  type AppOptions,
  app,
  contract,
  type Incoming,
  names,
  randomId,
  rpc,
  type Store,
  silent,
  systemClock,
  systemRandom,
  type Transport,
} from "../src/index.ts";
import { rabbitmq } from "../src/rabbitmq/index.ts";
import { deadQueue } from "../src/retry/topology.ts";
import { sink } from "./events-world.ts";
import { proxied } from "./rabbit.ts";
import type { TransportName } from "./shape-world.ts";
import type { FreshDatabase, StoreKind } from "./stores.ts";

const numbered = z.object({ n: z.number(), key: z.string().optional() });

function contracts(suffix: string) {
  return {
    shop: contract(`shop-${suffix}`, {
      methods: {
        sell: rpc({ input: numbered, output: z.number(), errors: { CLOSED: {} }, timeoutMs: 5_000 }),
      },
      events: { asked: numbered, sold: numbered, reminded: numbered },
    }),
    stock: contract(`stock-${suffix}`, {
      methods: {
        take: rpc({ input: numbered, errors: { GONE: z.object({ n: z.number() }) }, timeoutMs: 5_000 }),
        nothing: rpc(),
      },
    }),
    mail: contract(`mail-${suffix}`, {}),
  };
}
export type Contracts = ReturnType<typeof contracts>;

/** Three contracts under names of their own, on a database and a broker of their own or a shared one. */
export interface OutboxWorld extends Contracts {
  /** A transport, what takes its broker away, and what brings it back. */
  shaky(): Promise<{ transport: Transport; lose(): Promise<void>; find(): Promise<void> }>;
  /** Another connection to the same database, to be given to one app. */
  store(): Store;
  connect(): Transport;
  start(options?: Partial<AppOptions>): Promise<App>;
  /** What is in the outbox, as somebody else sees it. */
  waiting(): Promise<number>;
  /** A service that collects what `shop` has sold and reminded of, in the order of its coming. */
  heard(): Promise<ReturnType<typeof sink<string>>>;
  query: Store["query"];
}

/** A new one for each test of the describe block that it is called in, with a table `done (n bigint)`. */
export function outboxWorld(transport: TransportName, stores: StoreKind): () => OutboxWorld {
  let current: OutboxWorld;
  const running: App[] = [];
  beforeEach(async () => {
    current = await make(transport, await stores.fresh(), running);
  });
  afterEach(async () => {
    await Promise.all(running.splice(0).map((each) => each.stop({ drainMs: 200 })));
  });
  return () => current;
}

async function make(name: TransportName, database: FreshDatabase, running: App[]): Promise<OutboxWorld> {
  const named = contracts(randomId(systemRandom, 8));
  let comeBack = (): void => {};
  const broker = embeddedBroker({
    clock: {
      ...systemClock,
      // What is cut for an hour stays away until the test has it come back.
      after(delayMs, run) {
        if (delayMs < 3_600_000) return systemClock.after(delayMs, run);
        comeBack = run;
        return { cancel() {} };
      },
    },
  });
  const looking = database.open();
  await looking.open();
  await looking.query("create table done (n bigint not null)");
  const connect: OutboxWorld["connect"] = () =>
    name === "embedded" ? embedded({ broker }) : rabbitmq({ url: amqpUrl() });
  const start: OutboxWorld["start"] = async (options = {}) => {
    const made = app({ log: silent, transport: connect(), ...options });
    running.push(made);
    await made.start();
    return made;
  };
  return {
    ...named,
    async shaky() {
      if (name === "rabbitmq") {
        const { proxy, url } = await proxied();
        const transport = rabbitmq({ url, reconnect: { baseMs: 10, capMs: 50 } });
        const lose = async (): Promise<void> => {
          await proxy.set("refuse");
          proxy.cut();
        };
        return { transport, lose, find: () => proxy.set("pass") };
      }
      const transport = embedded({ broker });
      const lose = async (): Promise<void> => broker.cut(transport, { downMs: 3_600_000 });
      return { transport, lose, find: async () => comeBack() };
    },
    connect,
    start,
    store: () => database.open(),
    query: looking.query,
    async waiting() {
      const { rows } = await looking.query<{ n: number }>("select count(*) as n from warren_outbox");
      return rows[0]!.n;
    },
    async heard() {
      const found = sink<string>();
      const listener = await start();
      const hear = ({ n, key }: { n: number; key?: string | undefined }): void =>
        found.put(key === undefined ? `${n}` : `${key} ${n}`);
      await listener.subscribe(named.shop.events.sold, hear);
      await listener.subscribe(named.shop.events.reminded, (data) => hear({ ...data, key: "reminded" }));
      return found;
    },
  };
}

/** The dead letters of a service, taken as they come. */
export async function deadLettersIn(world: OutboxWorld, name: string) {
  const found = sink<Incoming>();
  const listener = world.connect();
  await listener.declare({ queues: [deadQueue(name)] });
  await listener.consume(names.dead(name), (message) => (found.put(message), "ack"), { prefetch: 1 });
  onTestFinished(() => listener.close({ drainMs: 0 }));
  return found;
}
