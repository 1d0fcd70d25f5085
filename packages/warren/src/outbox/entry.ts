import type { Outgoing } from "../message.ts";

/** A message that is to be sent once the transaction that it is written in has committed. */
export interface OutboxEntry {
  /** The message's own id: however often it is sent, receivers see one message. */
  readonly id: string;
  /** Who sends it. */
  readonly service: string;
  readonly kind: "event" | "call";
  /** Of the event or the method. */
  readonly type: string;
  readonly conversation: string;
  /** What shares a lane is sent one after the other, in the order it was written. */
  readonly lane?: string | undefined;
  /** Not before, in milliseconds since the epoch. */
  readonly dueAt: number;
  readonly message: Outgoing;
}
