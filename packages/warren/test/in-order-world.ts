import { connect as connectRaw } from "amqplib";
import { afterEach, beforeEach } from "vitest";
import { z } from "zod";
import { amqpUrl } from "../../../test/amqp-url.ts";
import { type Broker, embedded, embeddedBroker } from "../src/embedded/index.ts";
import {
  type App,
  app,
  type Clock,
  type Context,
  contract,
  names,
  type RetryPolicy,
  service,
  silent,
  type Transport,
} from "../src/index.ts";
import { rabbitmq } from "../src/rabbitmq/index.ts";
import type { TransportName } from "./shape-world.ts";

export interface Booking {
  readonly key: string;
  readonly n: number;
}

export interface LedgerOptions {
  readonly inOrder?: true | ((booking: Booking) => string);
  readonly retry?: RetryPolicy;
  readonly concurrency?: number;
}

/** Retries that take no time worth mentioning, and end late. */
export const patient: RetryPolicy = { attempts: 1_000, baseMs: 1, capMs: 3 };

/** A publisher and a service that books what it publishes, in order; of names that nothing else on the broker has. */
export interface OrderWorld {
  readonly broker: Broker;
  readonly bank: ReturnType<typeof bankContract>;
  /** The ledger's queues. */
  readonly queue: string;
  readonly dead: string;
  connect(url?: string): Transport;
  start(transport: Transport, services?: Parameters<typeof app>[0]["services"]): Promise<App>;
  ledger(
    run: (booking: Booking, context: Context) => unknown,
    options?: LedgerOptions,
  ): ReturnType<typeof service>;
}

function bankContract(name: string) {
  const booking = z.object({ key: z.string(), n: z.number() });
  return contract(name, { events: { paid: booking, refunded: booking } });
}

/** A new world for each test of the describe block it is called in. */
export function orderWorld(transport: TransportName, clock?: Clock): () => OrderWorld {
  let current: OrderWorld;
  const running: App[] = [];
  const connected: Transport[] = [];
  beforeEach(() => {
    const suffix = crypto.randomUUID().slice(0, 8);
    const bank = bankContract(`bank-${suffix}`);
    const ledger = contract(`ledger-${suffix}`, {});
    const broker = embeddedBroker(clock === undefined ? {} : { clock });
    current = {
      broker,
      bank,
      queue: names.orderedEvents(ledger.name),
      dead: names.dead(ledger.name),
      connect(url = amqpUrl()) {
        const made =
          transport === "embedded"
            ? embedded({ broker })
            : rabbitmq({ url, reconnect: { baseMs: 10, capMs: 50 } });
        connected.push(made);
        return made;
      },
      async start(on, services = []) {
        const made = app({ transport: on, services, log: silent, ...(clock && { clock }) });
        running.push(made);
        await made.start();
        return made;
      },
      ledger(run, { inOrder = ({ key }: Booking) => key, retry = patient, concurrency = 20 } = {}) {
        const reaction = { inOrder, run };
        return service(ledger, {
          uses: { bank },
          methods: {},
          retry,
          concurrency,
          on: { [bank.events.paid.id]: reaction, [bank.events.refunded.id]: reaction } as never,
        });
      },
    };
  });
  afterEach(async () => {
    await Promise.all(running.splice(0).map((each) => each.stop({ drainMs: 200 })));
    await Promise.all(connected.splice(0).map((each) => each.close({ drainMs: 200 })));
    if (transport === "embedded") return;
    const { queue, dead } = current;
    const service = dead.replace(/\.dead$/, "");
    const connection = await connectRaw(amqpUrl());
    const channel = await connection.createChannel();
    for (const name of [queue, dead, names.requests(service), names.events(service)])
      await channel.deleteQueue(name);
    await connection.close();
  });
  return () => current;
}

/** Writes down what ran, and when two with one key ran at once. */
export function journal() {
  const effects: Booking[] = [];
  const underway = new Map<string, number>();
  const overlaps: string[] = [];
  let most = 0;
  return {
    effects,
    overlaps,
    get most() {
      return most;
    },
    /** Around one run of a handler. */
    async during<T>({ key }: Booking, run: () => Promise<T>): Promise<T> {
      if (underway.has(key)) overlaps.push(key);
      underway.set(key, (underway.get(key) ?? 0) + 1);
      most = Math.max(most, underway.size);
      try {
        return await run();
      } finally {
        const left = underway.get(key)! - 1;
        if (left === 0) underway.delete(key);
        else underway.set(key, left);
      }
    },
    of: (key: string): number[] => effects.filter((effect) => effect.key === key).map(({ n }) => n),
    /** Without repetitions: when each had its first effect. */
    firsts: (key: string): number[] => [
      ...new Set(effects.filter((effect) => effect.key === key).map(({ n }) => n)),
    ],
    get distinct() {
      return new Set(effects.map(({ key, n }) => `${key} ${n}`)).size;
    },
  };
}

/** Repeatable chance: mulberry32. */
export function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Lets other work have up to `most` turns. */
export async function turns(random: () => number, most: number): Promise<void> {
  for (let left = Math.floor(random() * most); left > 0; left--)
    await new Promise<void>((resolve) => setImmediate(resolve));
}

export const upTo = (count: number): number[] => Array.from({ length: count }, (_, i) => i + 1);
