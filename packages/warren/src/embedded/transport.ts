import { Fault } from "../fault.ts";
import type { Incoming, Outgoing } from "../message.ts";
import {
  type ConsumeOptions,
  type Consumer,
  type Handle,
  maxPrefetch,
  type QueueState,
  type Replies,
  type Topology,
  type Transport,
  type TransportState,
} from "../transport.ts";
import { wholeNumber } from "../whole-number.ts";
import { type Broker, embeddedBroker, inside } from "./broker.ts";
import type { BrokerOptions, Core } from "./core.ts";
import { declared } from "./declared.ts";
import { Line } from "./line.ts";
import { replyTaker, Subscription } from "./subscription.ts";

export type EmbeddedOptions = {
  /** How long a publish waits for a connection that was cut, in milliseconds, before it fails. @default 10,000 */
  readonly publishTimeoutMs?: number | undefined;
} & (
  | (BrokerOptions & { readonly broker?: undefined })
  | {
      /** Shared with other transports. @default one of its own, with the options given beside */
      readonly broker: Broker;
    }
);

/**
 * A transport whose broker lives in this process: nothing to install, nothing to start. It routes, acknowledges,
 * delivers again, expires and dead-letters like RabbitMQ, always asynchronously and always with copied bytes. What it
 * holds is gone with the process, unless `dataDir` gives it a journal.
 * @throws Error naming the journal: another process has it, it is damaged, a newer Warren wrote it
 */
export function embedded(options: EmbeddedOptions = {}): Transport {
  const { core, peers } = inside(options.broker ?? embeddedBroker(options));
  const ownsBroker = options.broker === undefined;
  const transport = new EmbeddedTransport(core, options.publishTimeoutMs ?? 10_000, ownsBroker);
  peers.set(transport, transport.line);
  return transport;
}

interface OpenReplies {
  readonly handle: (message: Incoming) => void;
  address: string;
}

class EmbeddedTransport implements Transport {
  readonly name = "embedded";
  readonly maxMessageBytes: number;
  readonly line: Line;
  readonly #core: Core;
  readonly #ownsBroker: boolean;
  readonly #declared = declared();
  readonly #subscriptions = new Set<Subscription>();
  readonly #replies: OpenReplies[] = [];
  #closing: Promise<void> | undefined;

  constructor(core: Core, timeoutMs: number, ownsBroker: boolean) {
    this.#core = core;
    this.#ownsBroker = ownsBroker;
    this.maxMessageBytes = core.maxMessageBytes;
    this.line = new Line(core, { restore: () => this.#restore(), drop: () => this.#drop() }, timeoutMs);
  }

  get state(): TransportState {
    return this.line.state;
  }

  watch(changed: (state: TransportState) => void): () => void {
    return this.line.watch(changed);
  }

  async declare(topology: Topology): Promise<void> {
    await this.line.ready();
    this.#declared.add(topology, this.#core, this.line);
    await this.#core.kept();
  }

  publish(message: Outgoing): Promise<void> {
    if (!this.line.open || !this.line.up)
      return this.#publishLater({ ...message, body: Buffer.from(message.body) });
    try {
      if (this.#core.publish(message) || !message.mandatory) return this.#taken(message);
      return Promise.reject(unroutable(message));
    } catch (error) {
      return Promise.reject(error);
    }
  }

  send(message: Outgoing, returned?: () => void): boolean {
    if (!this.line.open || !this.line.up) return false;
    try {
      if (!this.#core.publish(message) && message.mandatory && returned !== undefined)
        this.#core.call(returned);
      return true;
    } catch (error) {
      return this.#notSent(message, returned, error);
    }
  }

  async consume(queue: string, handle: Handle, options: ConsumeOptions): Promise<Consumer> {
    const prefetch = wholeNumber(`consume "${queue}": prefetch`, options.prefetch, 1, 1, maxPrefetch);
    await this.line.ready();
    const subscription = new Subscription(queue, handle, { ...options, prefetch }, this.#core.log);
    this.#attach(subscription);
    this.#subscriptions.add(subscription);
    return {
      stop: async () => {
        const settled = subscription.stop();
        if (this.#core.consumerStopped(queue)) this.#declared.forget(queue);
        await settled;
        this.#subscriptions.delete(subscription);
      },
    };
  }

  async replies(handle: (message: Incoming) => void): Promise<Replies> {
    await this.line.ready();
    const open: OpenReplies = { handle, address: "" };
    this.#replies.push(open);
    this.#openReplies(open);
    const { line } = this;
    return {
      get address(): string | undefined {
        return line.up ? open.address : undefined;
      },
    };
  }

  async inspect(queue: string): Promise<QueueState | undefined> {
    await this.line.ready();
    return this.#core.queue(queue, this.line)?.state;
  }

  close(options: { readonly drainMs: number }): Promise<void> {
    this.#closing ??= this.#close(options.drainMs);
    return this.#closing;
  }

  async #close(drainMs: number): Promise<void> {
    await this.line.close(drainMs);
    if (this.#ownsBroker) this.#core.close();
  }

  async #publishLater(message: Outgoing): Promise<void> {
    await this.line.ready();
    if (!this.#core.publish(message) && message.mandatory) throw unroutable(message);
    await this.#taken(message);
  }

  #taken({ persistent }: Outgoing): Promise<void> {
    // Not before its turn: a loop that awaits each publish would otherwise never let a message be delivered.
    return (persistent ? this.#core.kept() : undefined) ?? this.#core.over();
  }

  #notSent(message: Outgoing, returned: (() => void) | undefined, error: unknown): boolean {
    if (error instanceof Fault && (error.code === "OVERLOADED" || error.code === "UNAVAILABLE")) return false;
    if (!(error instanceof Fault && error.code === "UNROUTABLE")) throw error;
    // Nobody waits for the outcome of a send, so the log is the only place where this shows.
    this.#core.log.error(
      { err: error, type: message.type },
      "a message was sent to an exchange that nobody declared",
    );
    if (message.mandatory && returned !== undefined) this.#core.call(returned);
    return true;
  }

  #attach(subscription: Subscription): void {
    const queue = this.#core.queue(subscription.queueName, this.line);
    if (queue === undefined) {
      throw new Error(`Cannot consume from queue "${subscription.queueName}": nobody declared it.`);
    }
    subscription.attach(queue);
  }

  #openReplies(open: OpenReplies): void {
    const queue = this.#core.replyQueue(this.line);
    queue.add(replyTaker(queue, open.handle, this.#core.log));
    open.address = queue.definition.name;
  }

  #restore(): void {
    this.#declared.again(this.#core, this.line);
    for (const subscription of this.#subscriptions) if (!subscription.stopping) this.#attach(subscription);
    for (const open of this.#replies) this.#openReplies(open);
  }

  #drop(): void {
    for (const subscription of this.#subscriptions) subscription.drop();
  }
}

function unroutable({ exchange, key }: Outgoing): Fault {
  const where =
    exchange === "" ? `the queue "${key}"` : `a queue of exchange "${exchange}" with key "${key}"`;
  return new Fault(
    "UNROUTABLE",
    { exchange, key },
    { message: `A message had to reach ${where}, and there is none.` },
  );
}
