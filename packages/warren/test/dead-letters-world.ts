import { connect as connectRaw } from "amqplib";
import { afterEach, beforeEach } from "vitest";
import { amqpUrl } from "../../../test/amqp-url.ts";
import { type Broker, embedded, embeddedBroker } from "../src/embedded/index.ts";
import {
  type Clock,
  type DeadLetters,
  type DeadLettersOptions,
  deadLetters,
  type HeaderValue,
  headers,
  names,
  type Outgoing,
  type Queue,
  randomId,
  systemRandom,
  type Transport,
} from "../src/index.ts";
import { rabbitmq } from "../src/rabbitmq/index.ts";
import { deadQueue } from "../src/retry/topology.ts";
import type { TransportName } from "./shape-world.ts";

/** A service with dead letters, under a name of its own. */
export interface DeadWorld {
  readonly service: string;
  readonly broker: Broker;
  readonly transport: Transport;
  readonly letters: DeadLetters;
  connect(url?: string): Transport;
  open(options: DeadLettersOptions, transport?: Transport): DeadLetters;
  /** Dead letters as Warren writes them. */
  put(...letters: Partial<Put>[]): Promise<void>;
  /** The texts of what lies in a queue, taken from it one after the other until it is empty. */
  drain(queue: string): Promise<string[]>;
  /** A queue as services have it, for letters to go back to. */
  queue(suffix: string, more?: Partial<Queue>): Promise<string>;
}

export interface Put {
  readonly id: string | undefined;
  readonly body: string;
  readonly type: string;
  readonly reason: string;
  readonly error: string;
  readonly queue: string;
  readonly failedAt: number;
  readonly more: Readonly<Record<string, HeaderValue>>;
  readonly properties: Partial<Outgoing>;
}

export function deadWorld(name: TransportName, clock?: Clock): () => DeadWorld {
  let current: DeadWorld;
  const connected: Transport[] = [];
  const queues: string[] = [];
  beforeEach(async () => {
    current = await make(name, connected, queues, clock);
  });
  afterEach(async () => {
    await Promise.all(connected.splice(0).map((each) => each.close({ drainMs: 200 })));
    if (name === "embedded") return;
    const connection = await connectRaw(amqpUrl());
    const channel = await connection.createChannel();
    for (const queue of queues.splice(0)) await channel.deleteQueue(queue);
    await connection.close();
  });
  return () => current;
}

async function make(
  name: TransportName,
  connected: Transport[],
  queues: string[],
  clock: Clock | undefined,
): Promise<DeadWorld> {
  const service = `dead-${randomId(systemRandom, 8)}`;
  const broker = embeddedBroker(clock === undefined ? {} : { clock });
  const connect: DeadWorld["connect"] = (url = amqpUrl()) => {
    const made =
      name === "embedded" ? embedded({ broker }) : rabbitmq({ url, reconnect: { baseMs: 10, capMs: 50 } });
    connected.push(made);
    return made;
  };
  const transport = connect();
  const dead = names.dead(service);
  await transport.declare({ queues: [deadQueue(service)] });
  queues.push(dead);
  const options = clock === undefined ? {} : { clock };
  let count = 0;
  return {
    service,
    broker,
    transport,
    connect,
    letters: deadLetters(transport, options),
    open: (more, on = transport) => deadLetters(on, { ...options, ...more }),
    async put(...letters) {
      await Promise.all(letters.map((letter) => transport.publish(outgoing(service, dead, ++count, letter))));
    },
    async queue(suffix, more = {}) {
      const queue = `${service}.${suffix}`;
      await transport.declare({ queues: [{ name: queue, type: "quorum", lifetime: "durable", ...more }] });
      queues.push(queue);
      return queue;
    },
    async drain(queue) {
      const texts: string[] = [];
      const wanted = (await transport.inspect(queue))?.messages ?? 0;
      if (wanted === 0) return texts;
      const all = Promise.withResolvers<void>();
      const consumer = await transport.consume(
        queue,
        ({ body }) => {
          if (texts.push(Buffer.from(body).toString()) === wanted) all.resolve();
          return "ack";
        },
        { prefetch: 1 },
      );
      await all.promise;
      await consumer.stop();
      return texts;
    },
  };
}

function outgoing(service: string, dead: string, count: number, letter: Partial<Put>): Outgoing {
  const failedAt = letter.failedAt ?? Date.now();
  return {
    exchange: "",
    key: dead,
    body: Buffer.from(letter.body ?? JSON.stringify({ n: count })),
    persistent: true,
    mandatory: true,
    contentType: "application/json",
    type: letter.type ?? `${service}.sold`,
    messageId: "id" in letter ? letter.id : `id-${count}`,
    headers: {
      [headers.reason]: letter.reason ?? "failed",
      [headers.error]: letter.error ?? "Error: out of order",
      [headers.queue]: letter.queue ?? names.events(service),
      [headers.service]: service,
      [headers.instance]: "i1",
      [headers.version]: "1.2.3",
      [headers.attempt]: 5,
      [headers.failedAt]: new Date(failedAt).toISOString(),
      [headers.firstFailedAt]: new Date(failedAt - 60_000).toISOString(),
      ...letter.more,
    },
    ...letter.properties,
  };
}
