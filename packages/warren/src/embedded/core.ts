import { Fault } from "../fault.ts";
import { type Logger, silent } from "../log.ts";
import type { Incoming, Outgoing } from "../message.ts";
import { type Clock, systemClock } from "../time.ts";
import type { Binding, Exchange, Queue } from "../transport.ts";
import { wholeNumber } from "../whole-number.ts";
import { type LiveExchange, liveExchange } from "./exchange.ts";
import { LiveQueue, type QueueHost } from "./queue.ts";
import { type Death, nowhere, received, type Stored, stored, withoutBrokersOwn } from "./stored.ts";
import { turns } from "./turns.ts";

export interface BrokerOptions {
  /** @default the machine's own */
  readonly clock?: Clock | undefined;
  /** Told of handlers that throw, and of messages that go nowhere. @default silent */
  readonly log?: Logger | undefined;
  /** The largest body, in bytes. @default 16 MiB, as on RabbitMQ 4 */
  readonly maxMessageBytes?: number | undefined;
  /** What all messages in all queues may take together, in bytes. @default 512 MiB */
  readonly maxQueueBytes?: number | undefined;
}

/** A transport's connection, as the broker sees it. It is the owner of the queues that are not durable. */
export interface Peer {
  /** The connection breaks, and comes back after `downMs` milliseconds, or soon. */
  lose(downMs: number | undefined): void;
  /** The broker's memory ran full, or has room again. */
  pressed(full: boolean): void;
}

/** Below this part of its memory a broker that was full takes messages again. */
const relief = 0.8;

/** Exchanges, queues and what is in them. Knows nothing of reconnecting: that is the transport's side. */
export class Core implements QueueHost {
  readonly clock: Clock;
  readonly log: Logger;
  readonly maxMessageBytes: number;
  readonly maxQueueBytes: number;
  readonly schedule: (queue: LiveQueue) => void;
  /** Runs `run` after the code at hand. */
  readonly call: (run: () => void) => void;
  /** Resolves when what was published so far has had its turn. */
  readonly over: () => Promise<void>;
  readonly #exchanges = new Map<string, LiveExchange>();
  readonly #queues = new Map<string, LiveQueue>();
  readonly #replyQueues = new WeakSet<LiveQueue>();
  readonly #peers = new Set<Peer>();
  #bytes = 0;
  #full: boolean = false;
  #addresses = 0;

  constructor(options: BrokerOptions) {
    this.clock = options.clock ?? systemClock;
    this.log = options.log ?? silent;
    this.maxMessageBytes = wholeNumber("embedded: `maxMessageBytes`", options.maxMessageBytes, 16 * 2 ** 20);
    this.maxQueueBytes = wholeNumber("embedded: `maxQueueBytes`", options.maxQueueBytes, 512 * 2 ** 20);
    const { schedule, call, over } = turns(this.clock, this.log);
    this.schedule = schedule;
    this.call = call;
    this.over = over;
  }

  get awake(): boolean {
    return this.#peers.size > 0;
  }

  get full(): boolean {
    return this.#full;
  }

  connect(peer: Peer): void {
    this.#peers.add(peer);
    if (this.#peers.size === 1) for (const queue of this.#queues.values()) this.schedule(queue);
  }

  /** Takes the peer's own queues with it. Its consumers are to be dropped before. */
  disconnect(peer: Peer): void {
    for (const queue of this.#queues.values()) if (queue.owner === peer) this.#delete(queue);
    this.#peers.delete(peer);
    if (!this.awake) for (const queue of this.#queues.values()) queue.sleep();
  }

  declareExchange(exchange: Exchange): void {
    refuseReserved("exchange", exchange.name);
    const there = this.#exchanges.get(exchange.name);
    if (there === undefined) this.#exchanges.set(exchange.name, liveExchange(exchange));
    else if (there.definition.type !== exchange.type || there.definition.alternate !== exchange.alternate) {
      throw new Error(
        `The exchange "${exchange.name}" exists as ${kind(there.definition)}, not ${kind(exchange)}. ` +
          "Give one of the two another name.",
      );
    }
  }

  declareQueue(queue: Queue, peer: Peer): LiveQueue {
    refuseReserved("queue", queue.name);
    const there = this.#queues.get(queue.name);
    if (there === undefined) {
      const live = new LiveQueue(queue, queue.lifetime === "durable" ? undefined : peer, this);
      this.#queues.set(queue.name, live);
      return live;
    }
    refuseLocked(there, peer);
    const [was, is] = [described(there.definition), described(queue)];
    if (was !== is) {
      throw new Error(
        `The queue "${queue.name}" exists with other properties: ${was}, not ${is}. ` +
          "Delete it once it is empty, or give one of the two another name.",
      );
    }
    return there;
  }

  bind(binding: Binding, peer: Peer): void {
    const { exchange, queue, key } = binding;
    const from = this.#exchanges.get(exchange);
    if (from === undefined) {
      throw new Error(`Cannot bind queue "${queue}" to exchange "${exchange}": declare the exchange first.`);
    }
    const to = this.#queues.get(queue);
    if (to === undefined) {
      throw new Error(`Cannot bind queue "${queue}" to exchange "${exchange}": declare the queue first.`);
    }
    refuseLocked(to, peer);
    from.bind(to, key);
  }

  /** The queue, for one who may use it. */
  queue(name: string, peer: Peer): LiveQueue | undefined {
    const queue = this.#queues.get(name);
    if (queue !== undefined) refuseLocked(queue, peer);
    return queue;
  }

  /** A consumer of it has stopped, and the queue goes too where it lives no longer than that. @returns whether it does */
  consumerStopped(name: string): boolean {
    const queue = this.#queues.get(name);
    if (queue?.definition.lifetime !== "consumer" || queue.state.consumers > 0) return false;
    this.#delete(queue);
    return true;
  }

  /** A queue for replies to `peer`, under a name that was never used before. */
  replyQueue(peer: Peer): LiveQueue {
    const name = `embedded.replies.${++this.#addresses}`;
    const queue = this.declareQueue({ name, type: "classic", lifetime: "connection" }, peer);
    this.#replyQueues.add(queue);
    return queue;
  }

  /**
   * Puts a copy of the message into every queue it is routed to.
   * @returns whether there was one, a reply address not counting as one
   * @throws Fault TOO_LARGE, OVERLOADED, UNROUTABLE (nobody declared the exchange)
   */
  publish(message: Outgoing): boolean {
    const size = message.body.byteLength;
    if (size > this.maxMessageBytes) {
      throw new Fault("TOO_LARGE", { bytes: size, limit: this.maxMessageBytes });
    }
    if (this.#bytes >= this.maxQueueBytes) this.#refuse();
    if (message.exchange !== "" && !this.#exchanges.has(message.exchange)) {
      const text = `The exchange "${message.exchange}" does not exist. Declare it before publishing to it.`;
      throw new Fault("UNROUTABLE", { exchange: message.exchange, key: message.key }, { message: text });
    }
    const routed = this.#route(withoutBrokersOwn(message), nowhere);
    // RabbitMQ delivers a reply and still returns it where it is mandatory; who relied on less would find out there.
    return routed && !(message.mandatory && message.exchange === "" && this.#isReply(message.key));
  }

  release(message: Stored): void {
    this.#bytes -= message.bytes;
    if (this.#full && this.#bytes < this.maxQueueBytes * relief) this.#press(false);
  }

  bury(queue: LiveQueue, message: Stored, reason: Death): void {
    this.release(message);
    const { deadLetter, name } = queue.definition;
    if (deadLetter === undefined) return;
    const dead = died(message.message, name, deadLetter, reason);
    // A message that expires in a circle of queues with nobody ever rejecting it would go round for ever.
    const expiredIn = reason === "expired" ? [...message.expiredIn, name] : nowhere;
    if (this.#route(dead, expiredIn)) return;
    this.log.warn(
      { queue: name, exchange: dead.exchange, key: dead.key, reason },
      "a dead letter reached no queue",
    );
  }

  #route(message: Outgoing | Incoming, expiredIn: readonly string[]): boolean {
    const { exchange, key } = message;
    if (exchange === "") {
      const queue = this.#queues.get(key);
      return queue !== undefined && this.#enqueue(queue, message, expiredIn);
    }
    let routed = false;
    for (const queue of this.#queuesFor(exchange, key))
      routed = this.#enqueue(queue, message, expiredIn) || routed;
    return routed;
  }

  /** By the exchange itself, or the first of its alternates that has any. */
  #queuesFor(name: string, key: string): readonly LiveQueue[] {
    const seen = new Set<string>();
    for (let next: string | undefined = name; next !== undefined && !seen.has(next); ) {
      seen.add(next);
      const exchange = this.#exchanges.get(next);
      const queues = exchange?.route(key) ?? [];
      if (queues.length > 0) return queues;
      next = exchange?.definition.alternate;
    }
    return [];
  }

  #enqueue(queue: LiveQueue, message: Outgoing | Incoming, expiredIn: readonly string[]): boolean {
    if (expiredIn.length > 0 && expiredIn.includes(queue.definition.name)) return false;
    const copy = stored(received(message), expiredIn);
    this.#bytes += copy.bytes;
    queue.enqueue(copy);
    return true;
  }

  #isReply(name: string): boolean {
    const queue = this.#queues.get(name);
    return queue !== undefined && this.#replyQueues.has(queue);
  }

  #delete(queue: LiveQueue): void {
    this.#queues.delete(queue.definition.name);
    for (const exchange of this.#exchanges.values()) exchange.unbind(queue);
    queue.delete();
  }

  #refuse(): never {
    if (!this.#full) this.#press(true);
    throw new Fault(
      "OVERLOADED",
      { limit: this.maxQueueBytes },
      {
        message: `The embedded broker's queues hold ${this.maxQueueBytes} bytes, its limit (maxQueueBytes).`,
      },
    );
  }

  #press(full: boolean): void {
    this.#full = full;
    for (const peer of this.#peers) peer.pressed(full);
  }
}

/** The message as its queue's dead-letter exchange gets it, with the same headers that RabbitMQ adds. */
function died(
  message: Incoming,
  queue: string,
  to: NonNullable<Queue["deadLetter"]>,
  reason: Death,
): Incoming {
  return {
    ...message,
    exchange: to.exchange,
    key: to.key ?? message.key,
    // It would only expire again.
    expirationMs: undefined,
    headers: {
      "x-first-death-exchange": message.exchange,
      "x-first-death-queue": queue,
      "x-first-death-reason": reason,
      ...message.headers,
      "x-last-death-queue": queue,
      "x-last-death-reason": reason,
    },
  };
}

function refuseReserved(kind: string, name: string): void {
  if (name !== "" && !name.startsWith("amq.")) return;
  throw new Error(
    `The ${kind} name "${name}" belongs to the broker. Choose one that does not begin with "amq.".`,
  );
}

function refuseLocked(queue: LiveQueue, peer: Peer): void {
  if (queue.owner === undefined || queue.owner === peer) return;
  throw new Error(
    `The queue "${queue.definition.name}" belongs to another connection, which alone may use it ("connection" lifetime).`,
  );
}

/** The properties that two declarations of one queue must agree on. */
function described(queue: Queue): string {
  const { type, lifetime, deadLetter, messageTtlMs, deliveryLimit, maxBytes, singleActive } = queue;
  const letters = deadLetter
    ? `dead letters to "${deadLetter.exchange}" ${deadLetter.key ?? "(own key)"}`
    : "no dead letters";
  const ttl = messageTtlMs === undefined ? "no TTL" : `TTL ${messageTtlMs} ms`;
  const limit = deliveryLimit === undefined ? "no delivery limit" : `delivery limit ${deliveryLimit}`;
  const length = maxBytes === undefined ? "any length" : `at most ${maxBytes} bytes`;
  const active = singleActive ? "one active consumer" : "all consumers active";
  return `${type}, ${lifetime}, ${letters}, ${ttl}, ${limit}, ${length}, ${active}`;
}

/** The properties that two declarations of one exchange must agree on. */
function kind({ type, alternate }: Exchange): string {
  return alternate === undefined ? type : `${type} with alternate "${alternate}"`;
}
