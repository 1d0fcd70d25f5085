import { deepEqual, rejects } from "node:assert/strict";
import { isFault } from "../../fault.ts";
import type { Incoming, Outgoing } from "../../message.ts";
import { delay, systemClock } from "../../time.ts";
import type { Consumer, Disposition, Handle, Queue, Transport } from "../../transport.ts";
import type { VirtualClock } from "../virtual-clock.ts";

/** Where transports may differ, and a user of one has to know it. */
export interface Features {
  /** A message given back returns to its place, before those that came after it. RabbitMQ's quorum queues may append it. */
  readonly requeueKeepsPlace: boolean;
  /** The largest body the transport was made to take, in bytes. */
  readonly maxMessageBytes: number;
}

/** One thing that every transport does. */
export interface Behaviour {
  readonly title: string;
  /** Runs only where the transport has it. */
  readonly needs?: keyof Features;
  run(stage: Stage): Promise<void>;
}

/** What a behaviour is shown with. Names are its own, and what it opened is closed behind it. */
export interface Stage {
  readonly features: Features;
  /** Milliseconds, in the time that the transports live in. */
  now(): number;
  /** A name that nothing else on the broker has. */
  unique(what: string): string;
  /** A new connection to the one broker. */
  connect(): Promise<Transport>;
  /** Declares a queue under a name of its own: durable and classic unless told otherwise. @returns its name */
  queue(on: Transport, properties?: Partial<Queue>): Promise<string>;
  /** Waits for a condition while time passes. @throws Error naming it after 10 seconds */
  until(what: string, condition: () => boolean | Promise<boolean>): Promise<void>;
  /** Consumes, and keeps what came. Acknowledges unless told otherwise. */
  collect(on: Transport, queue: string, settle?: Handle, prefetch?: number): Promise<Collected>;
}

export interface Collected {
  readonly messages: Incoming[];
  readonly consumer: Consumer;
  /** Waits for that many. @returns their bodies as text, in order of arrival */
  texts(count: number): Promise<readonly string[]>;
}

const patienceMs = 10_000;
const pollMs = 5;

export interface StageOptions {
  readonly prefix: string;
  readonly features: Features;
  readonly clock: VirtualClock | undefined;
  create(): Transport | Promise<Transport>;
}

/** @returns the stage, and what closes everything opened on it */
export function stage(options: StageOptions): { readonly stage: Stage; close(): Promise<void> } {
  const { clock, features } = options;
  const opened: Transport[] = [];
  let names = 0;

  const until: Stage["until"] = async (what, condition) => {
    const giveUpAt = systemClock.now() + patienceMs;
    while (!(await condition())) {
      if (systemClock.now() > giveUpAt) throw new Error(`Waited ${patienceMs} ms in vain until ${what}.`);
      await (clock ? clock.advance(pollMs) : delay(systemClock, pollMs));
    }
  };

  const unique = (what: string): string => `${options.prefix}.${what}.${++names}`;

  return {
    stage: {
      features,
      now: () => (clock ?? systemClock).now(),
      unique,
      until,
      async connect() {
        const transport = await options.create();
        opened.push(transport);
        return transport;
      },
      async queue(on, properties = {}) {
        const name = unique("queue");
        await on.declare({ queues: [{ name, type: "classic", lifetime: "durable", ...properties }] });
        return name;
      },
      async collect(on, queue, settle = () => "ack", prefetch = 10) {
        const messages: Incoming[] = [];
        const handle: Handle = (message): Disposition | Promise<Disposition> => {
          messages.push(message);
          return settle(message);
        };
        const consumer = await on.consume(queue, handle, { prefetch });
        const texts: Collected["texts"] = async (count) => {
          await until(`${count} messages arrived from ${queue}`, () => messages.length >= count);
          return messages.map(textOf);
        };
        return { messages, consumer, texts };
      },
    },
    async close() {
      for (const transport of opened) await transport.close({ drainMs: 1_000 });
    },
  };
}

/** A message for a queue, through the default exchange, that has to arrive. */
export function toQueue(key: string, text: string, more: Partial<Outgoing> = {}): Outgoing {
  return { exchange: "", key, body: Buffer.from(text), persistent: true, mandatory: true, ...more };
}

export function textOf(message: Incoming): string {
  return Buffer.from(message.body).toString();
}

/** The promise has to fail with this fault. */
export async function failsWith(code: string, promise: Promise<unknown>): Promise<void> {
  await rejects(promise, (error: unknown) => {
    deepEqual(isFault(error) ? error.code : error, code);
    return true;
  });
}

/** The promise has to fail with an error that names what it is about. */
export async function failsNaming(name: string, promise: Promise<unknown>): Promise<void> {
  await rejects(promise, (error: unknown) => error instanceof Error && error.message.includes(name));
}
