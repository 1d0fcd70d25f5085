import type { AnyContract, Event, Principal } from "../../index.ts";

type Told<E> = E extends Event<any, any, infer O> ? O : never;

interface Wording<D> {
  /** The name that clients see. @default the event's id, `market.sold` */
  readonly name?: string;
  /** What clients see of the event; `undefined` tells them nothing. @default the event as it is */
  readonly as?: (event: D) => unknown;
}

/** Whom an event is for: the subjects it names, or whoever may see it. */
export type PushTo<D> = Wording<D> &
  (
    | { readonly to: (event: D) => string | readonly string[] | undefined; readonly when?: never }
    | { readonly when: (principal: Principal, event: D) => boolean; readonly to?: never }
  );

/** One event that connected clients are told of, and which of them. Made by `push`. */
export interface PushRule {
  readonly event: Event;
  readonly name: string;
  readonly as: (event: any) => unknown;
  readonly to?: ((event: any) => string | readonly string[] | undefined) | undefined;
  readonly when?: ((principal: Principal, event: any) => boolean) | undefined;
}

export interface PushOptions {
  /** Server-sent events and WebSocket, both at this path. @default "/push" */
  readonly path?: string;
  readonly events: readonly PushRule[];
  /** Clients connected at once; beyond it 503. @default 10_000 */
  readonly maxConnections?: number;
  /** What may wait for a client that reads too slowly, in bytes; beyond it the client is cut off. @default 256 KiB */
  readonly maxBufferedBytes?: number;
  /** How long a WebSocket may stay open without having said who it is. @default 10_000 */
  readonly authorizeWithinMs?: number;
  /** How often a quiet client is asked whether it is still there. @default 15_000 */
  readonly heartbeatMs?: number;
}

/**
 * Tells connected clients of an event: those it is addressed `to`, or those `when` it may be seen.
 * @throws TypeError for a name with line breaks
 * @example push(market.events.sold, { to: (sold) => sold.sellerId, as: (sold) => ({ text: `${sold.name} was sold!` }) })
 */
export function push<E extends AnyContract["events"][string]>(event: E, rule: PushTo<Told<E>>): PushRule {
  const { name = event.id, as = (data) => data, to, when } = rule;
  if (/[\r\n]/.test(name)) throw new TypeError(`push of ${event.id}: a name cannot have line breaks.`);
  return { event, name, as, to, when };
}
