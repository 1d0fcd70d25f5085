import type { Work } from "./work.ts";

/** Values that survive as AMQP headers unchanged. */
export type HeaderValue = string | number | boolean;
export type Headers = Readonly<Record<string, HeaderValue>>;

/** What travels beside the body: AMQP's own properties under plain names, and a few headers. */
export interface Properties {
  readonly contentType?: string | undefined;
  /** `<service>.<method>` or `<service>.<event>`. */
  readonly type?: string | undefined;
  readonly messageId?: string | undefined;
  readonly correlationId?: string | undefined;
  readonly replyTo?: string | undefined;
  /** The instance that sent it. */
  readonly appId?: string | undefined;
  /** Milliseconds after which a queue drops (or dead-letters) the message. A whole number, at least 0. */
  readonly expirationMs?: number | undefined;
  /** Whole seconds since the Unix epoch, AMQP's resolution. */
  readonly timestampSeconds?: number | undefined;
  readonly headers?: Headers | undefined;
}

/** A message on its way to an exchange. The default exchange, `""`, routes to the queue named by `key`. */
export interface Outgoing extends Properties {
  readonly exchange: string;
  readonly key: string;
  /** Copied or written before the call returns to the event loop; the sender must not change it afterwards. */
  readonly body: Uint8Array;
  /** Survives a restart of the broker in a durable queue. */
  readonly persistent: boolean;
  /** Reaching no queue is a failure. */
  readonly mandatory: boolean;
}

/** A message from a queue. */
export interface Incoming extends Properties {
  readonly exchange: string;
  readonly key: string;
  readonly body: Uint8Array;
  readonly persistent: boolean;
  /** It may have been delivered before: the consumer that had it is gone, or gave it back. */
  readonly redelivered: boolean;
  /** How often it came back undone: given back, or its consumer gone. 0 where the queue does not count, as classic ones do not. */
  readonly returns: number;
  /** Follows what is done with it, where something does. Not a part of the message: it stays in this process. */
  readonly work?: Work | undefined;
}
