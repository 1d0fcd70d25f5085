import { Fault } from "../fault.ts";
import { type Logger, silent } from "../log.ts";
import type { Incoming, Outgoing } from "../message.ts";
import { type Clock, systemClock } from "../time.ts";
import type { Binding, Exchange, Queue, TransportState } from "../transport.ts";
import { wholeNumber } from "../whole-number.ts";
import { described, kind, refuseReserved } from "./described.ts";
import { type LiveExchange, liveExchange } from "./exchange.ts";
import type { Journal, Kept } from "./journal.ts";
import { Keeper, type KeeperHost } from "./keeper.ts";
import { LiveQueue, type QueueHost, type Taker } from "./queue.ts";
import { type Death, died, nowhere, received, type Stored, stored, withoutBrokersOwn } from "./stored.ts";
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
  /**
   * The folder of the journal, `broker.db` in it: made where it is missing, and this broker's alone while it is open.
   * With it exchanges, bindings, durable queues and the persistent messages in them survive the process, killed or not;
   * a publish resolves when its message is written. What was published before the machine loses its power may be gone.
   * @default none: everything is gone with the process
   */
  readonly dataDir?: string | undefined;
}

/** A transport's connection, as the broker sees it. It is the owner of the queues that are not durable. */
export interface Peer {
  /** The connection breaks, and comes back after `downMs` milliseconds, or soon. */
  lose(downMs: number | undefined): void;
  /** The broker's `state` has changed. */
  stateChanged(): void;
}

const working: TransportState = { publishing: true, consuming: true };
const pressed: TransportState = {
  publishing: false,
  consuming: true,
  reason: "the broker's queues are full (maxQueueBytes)",
};

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
  readonly #keeper: Keeper | undefined;
  /** Kept by earlier processes, and declared by nobody in this one so far. */
  readonly #leftovers = new Set<LiveExchange | LiveQueue>();
  #bytes = 0;
  #full: boolean = false;
  #addresses = 0;

  /** @throws Error naming the journal's file, where that holds what it cannot */
  constructor(options: BrokerOptions, journal?: Journal) {
    this.clock = options.clock ?? systemClock;
    this.log = options.log ?? silent;
    this.maxMessageBytes = wholeNumber("embedded: `maxMessageBytes`", options.maxMessageBytes, 16 * 2 ** 20);
    this.maxQueueBytes = wholeNumber("embedded: `maxQueueBytes`", options.maxQueueBytes, 512 * 2 ** 20);
    const hooks = { begin: () => this.#keeper?.commit(), end: () => this.#keeper?.handOut() };
    const { schedule, call, over, ask } = turns(this.clock, this.log, journal && hooks);
    this.schedule = schedule;
    this.call = call;
    this.over = over;
    if (journal === undefined) return;
    const host: KeeperHost = {
      clock: this.clock,
      log: this.log,
      ask,
      withdrawn: (message) => this.release(message),
      stateChanged: () => this.#tellPeers(),
    };
    const kept = journal.read();
    this.#keeper = new Keeper(journal, kept.lastRow, host);
    this.#restore(kept, journal.file);
  }

  get awake(): boolean {
    return this.#peers.size > 0;
  }

  /** What holds for every connection. */
  get state(): TransportState {
    const failure = this.#keeper?.failure;
    if (failure !== undefined) return { publishing: false, consuming: false, reason: failure };
    return this.#full ? pressed : working;
  }

  connect(peer: Peer): void {
    this.#peers.add(peer);
    this.#keeper?.wake();
    if (this.#peers.size === 1) for (const queue of this.#queues.values()) this.schedule(queue);
  }

  /** Takes the peer's own queues with it. Its consumers are to be dropped before. */
  disconnect(peer: Peer): void {
    for (const queue of this.#queues.values()) if (queue.owner === peer) this.#delete(queue);
    this.#peers.delete(peer);
    if (this.awake) return;
    this.#keeper?.sleep();
    for (const queue of this.#queues.values()) queue.sleep();
  }

  /**
   * Resolves when what was published or declared so far is on disk where it is to be kept; `undefined` without a journal.
   * @throws Fault UNAVAILABLE (it could not be written), STOPPED
   */
  kept(): Promise<void> | undefined {
    return this.#keeper?.outcome();
  }

  /** Writes what is left and gives the journal free. */
  close(): void {
    this.#keeper?.close();
  }

  declareExchange(exchange: Exchange): void {
    refuseReserved("exchange", exchange.name);
    const there = this.#exchanges.get(exchange.name);
    const isOther = there !== undefined && kind(there.definition) !== kind(exchange);
    if (there === undefined || (isOther && this.#leftovers.has(there))) {
      const live = liveExchange(exchange);
      there?.copyTo(live);
      this.#exchanges.set(exchange.name, live);
      this.#keeper?.note({ to: "exchange", exchange });
    } else if (isOther) {
      throw new Error(
        `The exchange "${exchange.name}" exists as ${kind(there.definition)}, not ${kind(exchange)}. ` +
          "Give one of the two another name.",
      );
    }
    if (there !== undefined) this.#leftovers.delete(there);
  }

  declareQueue(queue: Queue, peer: Peer): LiveQueue {
    refuseReserved("queue", queue.name);
    const there = this.#queues.get(queue.name);
    if (there === undefined) return this.#newQueue(queue, peer);
    refuseLocked(there, peer);
    const [was, is] = [described(there.definition), described(queue)];
    if (was !== is) {
      if (this.#isSpare(there)) {
        this.#delete(there);
        return this.#newQueue(queue, peer);
      }
      throw new Error(
        `The queue "${queue.name}" exists with other properties: ${was}, not ${is}. ${this.#wayOut(there)}`,
      );
    }
    this.#leftovers.delete(there);
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
    if (to.owner === undefined) this.#keeper?.note({ to: "bind", binding });
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
    const refusal = message.persistent ? this.#keeper?.refusal : undefined;
    if (refusal !== undefined) throw refusal;
    if (message.exchange !== "" && !this.#exchanges.has(message.exchange)) {
      const text = `The exchange "${message.exchange}" does not exist. Declare it before publishing to it.`;
      throw new Fault("UNROUTABLE", { exchange: message.exchange, key: message.key }, { message: text });
    }
    const routed = this.#route(withoutBrokersOwn(message), nowhere, true);
    // RabbitMQ delivers a reply and still returns it where it is mandatory; who relied on less would find out there.
    return routed && !(message.mandatory && message.exchange === "" && this.#isReply(message.key));
  }

  release(message: Stored): void {
    if (message.row !== 0) this.#keeper?.note({ to: "remove", row: message.row });
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
    if (this.#route(dead, expiredIn, false)) return;
    this.log.warn(
      { queue: name, exchange: dead.exchange, key: dead.key, reason },
      "a dead letter reached no queue",
    );
  }

  cameBack({ row, returned }: Stored): void {
    if (row !== 0) this.#keeper?.note({ to: "back", row, returned });
  }

  handOver(taker: Taker, message: Stored): void {
    if (this.#keeper !== undefined) this.#keeper.handOver(taker, message);
    else {
      taker.hold(message);
      taker.run(message);
    }
  }

  recall(message: Stored): boolean {
    return this.#keeper?.recall(message) ?? false;
  }

  /** `promised`: someone is told whether it was kept. */
  #route(message: Outgoing | Incoming, expiredIn: readonly string[], promised: boolean): boolean {
    const { exchange, key } = message;
    if (exchange === "") {
      const queue = this.#queues.get(key);
      return queue !== undefined && this.#enqueue(queue, message, expiredIn, promised);
    }
    let routed = false;
    for (const queue of this.#queuesFor(exchange, key))
      routed = this.#enqueue(queue, message, expiredIn, promised) || routed;
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

  #enqueue(
    queue: LiveQueue,
    message: Outgoing | Incoming,
    expiredIn: readonly string[],
    promised: boolean,
  ): boolean {
    if (expiredIn.length > 0 && expiredIn.includes(queue.definition.name)) return false;
    const copy = stored(received(message), expiredIn);
    copy.expiresAt = queue.expiry(copy.message);
    this.#bytes += copy.bytes;
    const keeper = this.#keeper;
    const kept = keeper !== undefined && message.persistent && queue.owner === undefined;
    // What need not be kept waits for what came before it and has to be.
    if (kept || keeper?.adds(queue)) keeper!.add(queue, copy, kept, promised);
    else queue.enqueue(copy);
    return true;
  }

  #isReply(name: string): boolean {
    const queue = this.#queues.get(name);
    return queue !== undefined && this.#replyQueues.has(queue);
  }

  #newQueue(queue: Queue, peer: Peer): LiveQueue {
    const isDurable = queue.lifetime === "durable";
    const live = new LiveQueue(queue, isDurable ? undefined : peer, this);
    this.#queues.set(queue.name, live);
    if (isDurable) this.#keeper?.note({ to: "queue", queue });
    return live;
  }

  /** An earlier process left it with nothing in it, and nobody in this one has asked for it as it is. */
  #isSpare(queue: LiveQueue): boolean {
    const { messages, consumers } = queue.state;
    return this.#leftovers.has(queue) && messages + consumers === 0 && !this.#keeper?.adds(queue);
  }

  #wayOut(queue: LiveQueue): string {
    const advice = "Delete it once it is empty, or give one of the two another name.";
    if (!this.#leftovers.has(queue)) return advice;
    const { messages } = queue.state;
    return (
      `${messages === 1 ? "1 message waits" : `${messages} messages wait`} in it, in the journal "${this.#keeper?.file}". Let the program that declared ` +
      "it so handle them: an empty queue is declared anew. Or delete that file, with all messages in it."
    );
  }

  #restore(kept: Kept, file: string): void {
    for (const exchange of kept.exchanges) this.#exchanges.set(exchange.name, liveExchange(exchange));
    for (const queue of kept.queues) this.#queues.set(queue.name, new LiveQueue(queue, undefined, this));
    for (const live of [...this.#exchanges.values(), ...this.#queues.values()]) this.#leftovers.add(live);
    for (const { exchange, queue, key } of kept.bindings) {
      const to = this.#queues.get(queue);
      if (to !== undefined) this.#exchanges.get(exchange)?.bind(to, key);
    }
    for (const { row, queue, message, expiredIn, expiresAt, returned, held } of kept.messages) {
      const live = this.#queues.get(queue);
      if (live === undefined)
        throw new Error(`The journal "${file}" has a message of "${queue}", but no such queue.`);
      const copy: Stored = { ...stored(message, expiredIn), row, expiresAt, returned };
      this.#bytes += copy.bytes;
      live.restore(copy, held);
    }
  }

  #delete(queue: LiveQueue): void {
    this.#queues.delete(queue.definition.name);
    if (queue.owner === undefined) this.#keeper?.note({ to: "drop", queue: queue.definition.name });
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
    this.#tellPeers();
  }

  #tellPeers(): void {
    for (const peer of this.#peers) peer.stateChanged();
  }
}

function refuseLocked(queue: LiveQueue, peer: Peer): void {
  if (queue.owner === undefined || queue.owner === peer) return;
  throw new Error(
    `The queue "${queue.definition.name}" belongs to another connection, which alone may use it ("connection" lifetime).`,
  );
}
