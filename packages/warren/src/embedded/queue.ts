import type { Incoming } from "../message.ts";
import type { Clock, Timer } from "../time.ts";
import type { Disposition, Queue, QueueState } from "../transport.ts";
import { Deque } from "./deque.ts";
import { atOnce, type Death, never, type Stored } from "./stored.ts";

/** Who takes messages from a queue. */
export interface Taker {
  /** How many more it would take now. */
  free(): number;
  /** Keeps a hand free for the message, which `run` is going to follow. */
  hold(message: Stored): void;
  /** Handles a message that is held. */
  run(message: Stored): void;
}

/** What a queue needs of its broker. */
export interface QueueHost {
  readonly clock: Clock;
  /** False while nobody is connected. Nothing is timed then, so that an idle broker keeps no process alive. */
  readonly awake: boolean;
  /** Calls `dispatch` soon. */
  schedule(queue: LiveQueue): void;
  /** The message is gone for good. */
  release(message: Stored): void;
  /** The message leaves its queue for where the queue sends its dead letters, if anywhere. */
  bury(queue: LiveQueue, message: Stored, reason: Death): void;
  /** The message came back undone once more. */
  cameBack(message: Stored): void;
  /** Lets the taker hold the message, and run it: now, or once it is noted that it was handed out. */
  handOver(taker: Taker, message: Stored): void;
  /** Forgets a message that is held and not run yet. @returns whether it was one */
  recall(message: Stored): boolean;
}

/** How many messages one queue hands out before others have their turn and the process sees to its sockets. */
const maxPerTurn = 256;

/** A queue with its messages and takers. */
export class LiveQueue {
  readonly definition: Queue;
  /** The connection it belongs to, where its lifetime is one. */
  readonly owner: object | undefined;
  /** A dispatch is due. The broker's to change. */
  scheduled = false;
  readonly #host: QueueHost;
  readonly #ready = new Deque<Stored>();
  readonly #takers: Taker[] = [];
  #readyBytes = 0;
  #turn = 0;
  #places = 0;
  #gone: boolean = false;
  #dispatching: boolean = false;
  #timer: Timer | undefined;
  #timerAt = 0;

  constructor(definition: Queue, owner: object | undefined, host: QueueHost) {
    this.definition = definition;
    this.owner = owner;
    this.#host = host;
  }

  get state(): QueueState {
    return { messages: this.#ready.length, consumers: this.#takers.length };
  }

  add(taker: Taker): void {
    this.#takers.push(taker);
    this.#host.schedule(this);
  }

  remove(taker: Taker): void {
    const index = this.#takers.indexOf(taker);
    if (index < 0) return;
    this.#takers.splice(index, 1);
    if (index < this.#turn) this.#turn--;
    // It may have been the active one.
    if (this.definition.singleActive) this.#host.schedule(this);
  }

  /** When a message that enters now is to expire, in the terms of `Stored.expiresAt`. */
  expiry({ expirationMs: own }: Incoming): number {
    const ours = this.definition.messageTtlMs;
    const ttlMs = own === undefined || (ours !== undefined && ours < own) ? ours : own;
    if (ttlMs === undefined) return never;
    const now = this.#host.clock.now();
    if (ttlMs > 0) return now + ttlMs;
    return this.#ready.length < this.#free() ? atOnce : now;
  }

  enqueue(message: Stored): void {
    message.place = ++this.#places;
    this.#ready.push(message);
    this.#readyBytes += message.bytes;
    const { maxBytes } = this.definition;
    while (maxBytes !== undefined && this.#readyBytes > maxBytes) this.#host.release(this.#takeFirst()!);
    this.#host.schedule(this);
  }

  settle(message: Stored, disposition: Disposition): void {
    if (disposition === "requeue") this.giveBack(message);
    else if (disposition === "reject") this.#host.bury(this, message, "rejected");
    else this.#host.release(message);
    // What is settled while it is handed out makes room for the next one in the same dispatch.
    if (this.#ready.length > 0 && !this.#dispatching) this.#host.schedule(this);
  }

  /** Puts unsettled messages back to their places, as redelivered. */
  giveBack(...messages: readonly Stored[]): void {
    const back = messages.filter((message) => this.#mayReturn(message)).sort(byPlace);
    const last = back.at(-1);
    if (last === undefined) return;
    // Only messages that were given back as well can stand before them.
    const before: Stored[] = [];
    for (let head = this.#ready.peek(); head && head.place < last.place; head = this.#ready.peek()) {
      before.push(head);
      this.#ready.shift();
    }
    for (const message of [...before, ...back].sort(byPlace).reverse()) this.#ready.unshift(message);
    for (const message of back) this.#readyBytes += message.bytes;
    this.#host.schedule(this);
  }

  #mayReturn(message: Stored): boolean {
    if (this.#gone) {
      this.#host.release(message);
      return false;
    }
    if (!this.#countReturn(message)) return false;
    this.#markReturned(message);
    if (message.expiresAt === atOnce) message.expiresAt = this.#host.clock.now();
    return true;
  }

  recall(message: Stored): boolean {
    return this.#host.recall(message);
  }

  /** Takes a message that an earlier process left, each behind the one before. `held`: a handler had it. */
  restore(message: Stored, held: boolean): void {
    message.place = ++this.#places;
    if (held && !this.#countReturn(message)) return;
    if (message.returned > 0) this.#markReturned(message);
    this.#ready.push(message);
    this.#readyBytes += message.bytes;
  }

  /** Hands out what is ready to who is free, and drops what waited too long. Never called while a sender is at work. */
  dispatch(): void {
    this.#dispatching = true;
    const everyoneBusy = this.#handOut();
    this.#dispatching = false;
    if (!everyoneBusy) return;
    const waiting = this.#head(true);
    if (waiting !== undefined && waiting.expiresAt !== never) this.#wakeAt(waiting.expiresAt);
  }

  /** @returns whether there may be messages left that nobody has a hand free for */
  #handOut(): boolean {
    for (let left = maxPerTurn; ; left--) {
      const message = this.#head(false);
      if (message === undefined) return false;
      if (left === 0) {
        this.#host.schedule(this);
        return false;
      }
      const taker = this.#nextTaker();
      if (taker === undefined) return true;
      this.#takeFirst();
      this.#host.handOver(taker, message);
    }
  }

  /** Stops timing; `dispatch` starts it again. */
  sleep(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  /** Drops everything; what is unsettled is dropped when it comes back. */
  delete(): void {
    this.#gone = true;
    this.sleep();
    this.#takers.length = 0;
    for (let head = this.#ready.shift(); head; head = this.#ready.shift()) this.#host.release(head);
  }

  #takeFirst(): Stored | undefined {
    const first = this.#ready.shift();
    if (first !== undefined) this.#readyBytes -= first.bytes;
    return first;
  }

  /** @returns whether it may stay; else it is buried */
  #countReturn(message: Stored): boolean {
    const { deliveryLimit } = this.definition;
    if (++message.returned > (deliveryLimit ?? Number.POSITIVE_INFINITY)) {
      this.#host.bury(this, message, "delivery_limit");
      return false;
    }
    this.#host.cameBack(message);
    return true;
  }

  /** Only quorum queues count, as on RabbitMQ. */
  #markReturned(message: Stored): void {
    const returns = this.definition.type === "quorum" ? message.returned : 0;
    message.message = { ...message.message, redelivered: true, returns };
  }

  #free(): number {
    let free = 0;
    for (const taker of this.#served) free += taker.free();
    return free;
  }

  /** The first message whose time is not over. Like RabbitMQ's, a queue drops a message when it has reached the head. */
  #head(nobodyTakes: boolean): Stored | undefined {
    for (;;) {
      const head = this.#ready.peek();
      if (head === undefined || head.expiresAt === never) return head;
      const over = head.expiresAt === atOnce ? nobodyTakes : head.expiresAt <= this.#host.clock.now();
      if (!over) return head;
      this.#takeFirst();
      this.#host.bury(this, head, "expired");
    }
  }

  /** Who may get messages: the longest here, where there is one active taker at a time. */
  get #served(): readonly Taker[] {
    return this.definition.singleActive ? this.#takers.slice(0, 1) : this.#takers;
  }

  /** The takers in turn, without those who have their hands full. */
  #nextTaker(): Taker | undefined {
    const takers = this.#served;
    for (let i = takers.length; i > 0; i--) {
      if (this.#turn >= takers.length) this.#turn = 0;
      const taker = takers[this.#turn++];
      if (taker !== undefined && taker.free() > 0) return taker;
    }
    return undefined;
  }

  /**
   * One timer for the head of a queue that does not drain. It is left to run when the head changes to one that
   * expires later, so that calls, all of which expire, cost no timers while they flow.
   */
  #wakeAt(time: number): void {
    if (!this.#host.awake || (this.#timer !== undefined && this.#timerAt <= time)) return;
    this.#timer?.cancel();
    this.#timerAt = time;
    this.#timer = this.#host.clock.after(time - this.#host.clock.now(), () => {
      this.#timer = undefined;
      this.dispatch();
    });
  }
}

function byPlace(one: Stored, other: Stored): number {
  return one.place - other.place;
}
