import type { Incoming, Outgoing } from "./message.ts";

/**
 * A broker, as Warren needs it. Two exist, `embedded` and `rabbitmq`; `transportConformance` in `warren/testing`
 * is the suite that a third has to pass. A transport owns its connections: it reconnects by itself, declares again
 * what was declared, and consumes again what was consumed.
 */
export interface Transport {
  /** `"rabbitmq"`, `"embedded"`, … for logs and metrics. */
  readonly name: string;

  /** The longest body it takes, in bytes; beyond it TOO_LARGE. */
  readonly maxMessageBytes: number;

  /**
   * Makes exchanges, queues and bindings exist, connecting first where necessary. Idempotent. What was declared is
   * remembered and declared again after a reconnect.
   * @throws Fault UNAVAILABLE when no broker answers in time; Error when the broker has one of that name with other arguments
   */
  declare(topology: Topology): Promise<void>;

  /**
   * Resolves when the broker has taken responsibility: written to disk where message and queue are durable. Publishes
   * are pipelined, with a bounded number unconfirmed; after a lost connection the unconfirmed ones are published again
   * under the same message id, so a message may arrive twice and never not at all.
   * @throws Fault UNROUTABLE (mandatory, and no queue took it), UNAVAILABLE (not confirmed in time), OVERLOADED (too
   * many wait already), TOO_LARGE
   */
  publish(message: Outgoing): Promise<void>;

  /**
   * Hands the message over without waiting for the broker: for calls and replies, whose deadline covers a loss.
   * `returned` is called at most once, when the message is mandatory and no queue took it.
   * @returns false when it was not handed over since the broker is away or takes nothing; see `watch`
   * @throws Fault TOO_LARGE
   */
  send(message: Outgoing, returned?: () => void): boolean;

  /**
   * Delivers messages of a declared queue until stopped, at most `prefetch` of them unsettled. Each is settled on the
   * channel it came from, by what the handler returns; one whose channel is gone is settled by the broker's redelivery.
   * A handler that throws counts as `"reject"`. Resolves once the broker has attached the consumer.
   */
  consume(queue: string, handle: Handle, options: ConsumeOptions): Promise<Consumer>;

  /**
   * Opens the address that replies to this process go to. It changes when the consuming connection was lost:
   * replies to the old one are lost with it.
   */
  replies(handle: (message: Incoming) => void): Promise<Replies>;

  /** What a queue holds now; `undefined` where nobody declared it. */
  inspect(queue: string): Promise<QueueState | undefined>;

  readonly state: TransportState;
  /** Calls back on every change of `state`. @returns stops watching */
  watch(changed: (state: TransportState) => void): () => void;

  /** Waits up to `drainMs` for publishes under way to be confirmed, then closes. Idempotent. Consumers are to be stopped first. */
  close(options: { readonly drainMs: number }): Promise<void>;
}

/** `ack`: done. `requeue`: give it back to its queue, at once. `reject`: to the queue's dead-letter exchange, or dropped where it has none. */
export type Disposition = "ack" | "requeue" | "reject";

export type Handle = (message: Incoming) => Disposition | Promise<Disposition>;

/** What RabbitMQ's quorum queues give one consumer at the most. */
export const maxPrefetch = 2_000;

export interface ConsumeOptions {
  /** How many messages may be unsettled at once: the handler's concurrency. A whole number from 1 to 2,000. */
  readonly prefetch: number;
  /**
   * For a queue with `singleActive`: nothing may overtake what this consumer has in hand. Its `stop` does not leave
   * first, since the broker would give the next messages to another consumer at once. It hands over nothing new, leaves
   * unsettled what handlers answer with `"requeue"`, and leaves when the last handler is done: then all of that goes
   * back in its order, before another consumer gets a message. @default false
   */
  readonly inOrder?: boolean;
  /**
   * What handlers answer with `"requeue"` after `stop` goes back when the last of them is done, all at once and each
   * message to its place: RabbitMQ keeps no order among many that are given back one by one. For looking through a
   * queue. @default false
   */
  readonly backTogether?: boolean;
  /**
   * Called when the broker has taken back what was in hand, as with a lost connection: it comes again, here or
   * elsewhere, and how this process settles it counts for nothing. Not called by `stop`.
   */
  readonly lost?: () => void;
}

export interface Consumer {
  /**
   * Asks for no further message; those that the broker had sent already are handled still, unless `inOrder`. Resolves
   * when all that are under way are settled. Idempotent.
   */
  stop(): Promise<void>;
}

export interface Replies {
  /**
   * What to put in `replyTo` now; `undefined` while the address is lost and there is no new one yet. Answers go to it
   * through the default exchange, not mandatory: it is no queue.
   */
  readonly address: string | undefined;
}

export interface QueueState {
  /** Ready to be delivered. */
  readonly messages: number;
  readonly consumers: number;
}

export interface TransportState {
  /** Messages can be sent: connected, and not blocked by an alarm of the broker. */
  readonly publishing: boolean;
  /** Every consumer is attached: messages arrive. */
  readonly consuming: boolean;
  /** Why not, in words, where one of the two is false. */
  readonly reason?: string | undefined;
}

export interface Topology {
  readonly exchanges?: readonly Exchange[];
  readonly queues?: readonly Queue[];
  readonly bindings?: readonly Binding[];
}

/** Exchanges are durable. */
export interface Exchange {
  readonly name: string;
  readonly type: "direct" | "topic" | "fanout";
  /** The exchange that gets what this one has no queue for, instead of its being dropped or returned. */
  readonly alternate?: string;
}

export interface Queue {
  readonly name: string;
  /** `quorum`: replicated, for what must not be lost. `classic`: for calls, whose caller notices a loss. */
  readonly type: "quorum" | "classic";
  /** `durable`: stays until deleted. `connection`: only this transport may use it, and it goes when its connection does. `consumer`: it also goes when its consumer stops. */
  readonly lifetime: "durable" | "connection" | "consumer";
  /** Where rejected and expired messages go, instead of being dropped. Without a key they keep their own. */
  readonly deadLetter?: { readonly exchange: string; readonly key?: string };
  /** How long a message may wait in it, in milliseconds. */
  readonly messageTtlMs?: number;
  /**
   * Quorum queues only: how often a message may come back undone, given back or with its consumer gone, before it is a
   * dead letter. Without one, a message that kills its consumers does so for ever.
   */
  readonly deliveryLimit?: number;
  /** How many bytes its ready messages may have; beyond, the oldest are dropped. Not for a queue with `deadLetter`. */
  readonly maxBytes?: number;
  /** Only one of its consumers gets messages; when that one is gone, another does. What keeps an order over all instances. */
  readonly singleActive?: boolean;
}

export interface Binding {
  readonly queue: string;
  readonly exchange: string;
  /** For topic exchanges with `*` (one word) and `#` (any number of words). */
  readonly key: string;
}
