import type { Headers, Incoming, Outgoing } from "../message.ts";
import { isBrokersOwn } from "../names.ts";
import type { Queue } from "../transport.ts";

/** A message in a queue, or in the hands of a consumer of that queue. */
export interface Stored {
  /** Its number in the journal; 0 where it is not in it. */
  row: number;
  /** What a handler gets to see. Replaced, never changed: a handler may still hold the one it was given. */
  message: Incoming;
  /** Its place among all messages that ever entered the queue, so that one given back returns to where it was. */
  place: number;
  /** Milliseconds since the Unix epoch; 0 is never, `atOnce` is unless a consumer takes it now. */
  expiresAt: number;
  /** How often it came back undone. */
  returned: number;
  /** What it counts towards the broker's limit. */
  readonly bytes: number;
  /** The queues it expired in, one after the other, since it was published or rejected. */
  readonly expiredIn: readonly string[];
}

/** Why a message leaves its queue for where the queue sends its dead letters; RabbitMQ's words. */
export type Death = "expired" | "rejected" | "delivery_limit";

export const never = 0;
export const atOnce = -1;
export const nowhere: readonly string[] = [];

/** About what a message costs beside its body. Without it, empty messages would be free and so without limit. */
const overheadBytes = 256;

export function stored(message: Incoming, expiredIn: readonly string[]): Stored {
  return {
    row: 0,
    message,
    place: 0,
    expiresAt: never,
    returned: 0,
    bytes: message.body.byteLength + overheadBytes,
    expiredIn,
  };
}

/**
 * The message as its receiver will see it, sharing nothing that the sender could still change. Small bodies are
 * copied into Node's buffer pool, which costs a fraction of an allocation of their own.
 */
export function received(message: Outgoing | Incoming): Incoming {
  const { headers } = message;
  return {
    exchange: message.exchange,
    key: message.key,
    body: Buffer.from(message.body),
    persistent: message.persistent,
    redelivered: false,
    returns: 0,
    contentType: message.contentType,
    contentEncoding: message.contentEncoding,
    type: message.type,
    messageId: message.messageId,
    correlationId: message.correlationId,
    replyTo: message.replyTo,
    appId: message.appId,
    expirationMs: message.expirationMs,
    timestampSeconds: message.timestampSeconds,
    headers: headers === undefined ? undefined : { ...headers },
  };
}

/** The message as its queue's dead-letter exchange gets it, with the same headers that RabbitMQ adds. */
export function died(
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

/**
 * What the broker notes on a dead letter must not travel on when the message is published again, and `CC` and `BCC`
 * would route it elsewhere: the RabbitMQ transport leaves both out as well.
 */
export function withoutBrokersOwn(message: Outgoing): Outgoing {
  const { headers } = message;
  for (const name in headers) {
    if (isBrokersOwn(name)) return { ...message, headers: ownHeaders(headers) };
  }
  return message;
}

function ownHeaders(headers: Headers): Headers {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !isBrokersOwn(name)));
}
