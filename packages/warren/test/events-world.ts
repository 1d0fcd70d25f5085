import { connect as connectRaw } from "amqplib";
import { afterEach, beforeEach } from "vitest";
import { z } from "zod";
import { amqpUrl } from "../../../test/amqp-url.ts";
import { type Broker, embedded, embeddedBroker } from "../src/embedded/index.ts";
import {
  type App,
  app,
  contract,
  type Incoming,
  names,
  rpc,
  type Service,
  silent,
  type Transport,
} from "../src/index.ts";
import { rabbitmq } from "../src/rabbitmq/index.ts";
import { deadQueue } from "../src/retry/topology.ts";
import { type TransportName } from "./shape-world.ts";

export const shop = contract("events-shop", {
  methods: { sell: rpc({ input: z.object({ item: z.number() }) }) },
  events: { sold: z.object({ item: z.number() }), opened: z.object({ by: z.string() }) },
});
export const mail = contract("events-mail", { methods: {} });
export const books = contract("events-books", { methods: {} });
export const fast = { attempts: 3, baseMs: 1, capMs: 1 };

const running: App[] = [];
const connected: Transport[] = [];
let broker: Broker | undefined;

export function connect(): Transport {
  const transport = broker === undefined ? rabbitmq(amqpUrl()) : embedded({ broker });
  connected.push(transport);
  return transport;
}

/** For what a test asks of the embedded broker alone. */
export function useBroker(chosen: Broker): void {
  broker = chosen;
}

/** For each test a broker of its own, or one where nothing is left of the test before. */
export function freshBroker(transport: TransportName): void {
  beforeEach(() => {
    broker = transport === "embedded" ? embeddedBroker() : undefined;
  });
  afterEach(async () => {
    await Promise.all(running.splice(0).map((each) => each.stop({ drainMs: 200 })));
    await Promise.all(connected.splice(0).map((each) => each.close({ drainMs: 200 })));
    if (transport === "embedded") return;
    const connection = await connectRaw(amqpUrl());
    const channel = await connection.createChannel();
    for (const { name } of [shop, mail, books])
      for (const queue of [
        names.requests(name),
        names.events(name),
        names.quarantine(name),
        names.orderedEvents(name),
        names.dead(name),
      ])
        await channel.deleteQueue(queue);
    await connection.close();
  });
}

export async function start(...services: Service<any>[]): Promise<App> {
  const made = app({ transport: connect(), services, log: silent });
  running.push(made);
  await made.start();
  return made;
}

/** Collects values; `until(n)` resolves with all when there are n. */
export function sink<T>() {
  const values: T[] = [];
  const waiting: { count: number; resolve: (values: T[]) => void }[] = [];
  return {
    values,
    put(value: T) {
      values.push(value);
      for (const each of waiting) if (values.length >= each.count) each.resolve(values);
    },
    until: (count: number): Promise<T[]> =>
      new Promise((resolve) => (values.length >= count ? resolve(values) : waiting.push({ count, resolve }))),
  };
}

export async function deadLettersOf(name: string) {
  const found = sink<Incoming>();
  const transport = connect();
  await transport.declare({ queues: [deadQueue(name)] });
  await transport.consume(names.dead(name), (message) => (found.put(message), "ack"), { prefetch: 1 });
  return found;
}
