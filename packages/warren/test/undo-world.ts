import { afterEach, beforeEach } from "vitest";
import { z } from "zod";
import { amqpUrl } from "../../../test/amqp-url.ts";
import { embedded, embeddedBroker } from "../src/embedded/index.ts";
import {
  type App,
  type AppOptions,
  app,
  type Clock,
  contract,
  deadLetters,
  type Event,
  names,
  randomId,
  type Service,
  type Store,
  silent,
  systemRandom,
  type Transport,
} from "../src/index.ts";
import { rabbitmq } from "../src/rabbitmq/index.ts";
import type { TransportName } from "./shape-world.ts";
import type { StoreKind } from "./stores.ts";

/** Under names of their own, as all tests share one RabbitMQ. */
function contracts() {
  const suffix = randomId(systemRandom, 8);
  const order = z.object({ id: z.string(), n: z.number().default(1) });
  return {
    orders: contract(`orders-${suffix}`, { events: { placed: order, cancelled: order, shipped: order } }),
    payments: contract(`payments-${suffix}`, { events: { declined: order } }),
    stock: contract(`stock-${suffix}`, { events: { reserved: order, released: order, failed: order } }),
  };
}

export type Contracts = ReturnType<typeof contracts>;

/** Three contracts, a store whose table `moves` notes what was done, and what was started. */
export interface UndoWorld extends Contracts {
  /** Another store on the same database. */
  store(): Promise<Store>;
  connect(): Transport;
  start(services: readonly Service<any>[], options?: Partial<AppOptions>): Promise<App>;
  /** As a publisher would that sends the same message again under its id. */
  publish(event: Event, data: { id: string; n?: number }, more?: Published): Promise<void>;
  /** What was noted, in the order in which it was. */
  moves(): Promise<string[]>;
  /** `<reaction's event> <key> <state>`, in the order in which they began. */
  states(): Promise<string[]>;
  /** The dead letters of a service. */
  letters(service: string): Promise<readonly { reason: string; error: string | undefined; id: string }[]>;
  replay(service: string): Promise<void>;
}

export interface Published {
  readonly id?: string;
  readonly conversation?: string;
}

/** Notes what was done in the store. */
export async function note(db: Pick<Store, "query">, what: string): Promise<void> {
  await db.query("insert into moves (what) values ($1)", [what]);
}

/** A new world for each test of the describe block it is called in. */
export function undoWorld(transport: TransportName, store: StoreKind, clock?: Clock): () => UndoWorld {
  let current: UndoWorld;
  let end: () => Promise<void>;
  beforeEach(async () => {
    [current, end] = await make(transport, store, clock);
  });
  afterEach(() => end());
  return () => current;
}

async function make(
  name: TransportName,
  { fresh }: StoreKind,
  clock: Clock | undefined,
): Promise<[UndoWorld, () => Promise<void>]> {
  const named = contracts();
  const broker = embeddedBroker();
  const opened = await fresh();
  const own = opened.open();
  await own.open();
  const sequence = own.dialect.sequence;
  await own.query(`create table moves (seq ${sequence}, what text not null)`);
  const running: App[] = [];
  const transports: Transport[] = [];
  const connect = (): Transport => {
    const made = name === "embedded" ? embedded({ broker }) : rabbitmq({ url: amqpUrl() });
    transports.push(made);
    return made;
  };
  const letters = deadLetters(connect());
  let count = 0;
  const publisher = connect();
  const world: UndoWorld = {
    ...named,
    async store() {
      const made = opened.open();
      await made.open();
      return made;
    },
    connect,
    async start(services, options = {}) {
      const made = app({ log: silent, transport: connect(), services, ...(clock && { clock }), ...options });
      running.push(made);
      await made.start();
      return made;
    },
    async publish(event, data, { id = `message-${++count}`, conversation = data.id } = {}) {
      await publisher.publish({
        exchange: names.eventExchange,
        key: event.id,
        type: event.id,
        messageId: id,
        contentType: "application/json",
        body: Buffer.from(JSON.stringify(data)),
        persistent: true,
        mandatory: true,
        headers: { "warren-conversation": conversation },
      });
    },
    async moves() {
      const { rows } = await own.query<{ what: string }>("select what from moves order by seq");
      return rows.map(({ what }) => what);
    },
    async states() {
      const { rows } = await own.query<{ reaction: string; key: string; state: string }>(
        "select reaction, key, state from warren_journal order by seq",
      );
      return rows.map(({ reaction, key, state }) => `${reaction.replace(/^.*\./, "")} ${key} ${state}`);
    },
    letters: async (service) => (await letters.list({ services: [service] })).letters,
    replay: async (service) => void (await letters.replay({ services: [service] })),
  };
  const end = async (): Promise<void> => {
    await Promise.all(running.map((each) => each.stop({ drainMs: 200 })));
    await Promise.all(transports.map((each) => each.close({ drainMs: 100 })));
  };
  return [world, end];
}
