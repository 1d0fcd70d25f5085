import type { Event } from "../contract/contract.ts";
import type { Method } from "../contract/method.ts";
import type { Principal } from "../principal.ts";
import type { Args } from "../rpc/client.ts";
import { inUnit } from "../store/in-unit.ts";
import type { StoreRuntime } from "../store/runtime.ts";
import type { Sql } from "../store.ts";
import type { OutboxEntry } from "./entry.ts";
import { checkDelay, laneFor } from "./sending.ts";
import type { EntryWriter, InLane, SendOptions } from "./writer.ts";

type EventInput<E> = E extends Event<any, infer I, any> ? I : never;
type CallArgs<M, O> = M extends Method<any, infer I, any, any> ? Args<I, O> : never;

export interface OnBehalf {
  readonly principal?: Principal;
}

/** What is sent with a transaction outside of handlers. Each resolves when it is ready to be committed. */
export interface Sends {
  /** @throws Fault INVALID_EVENT, TOO_LARGE */
  emit<E extends Event>(event: E, data: EventInput<E>, options?: OnBehalf & InLane): Promise<void>;
  /**
   * A call that is made after the commit, until it is answered. One that fails for good becomes a dead letter of the
   * called service.
   * @throws Fault INVALID_INPUT, TOO_LARGE
   */
  send<M extends Method>(method: M, ...args: CallArgs<M, SendOptions>): Promise<void>;
  /** The same for later, in whole milliseconds from now. Each resolves with an id for `cancel`. */
  after(delayMs: number): {
    emit<E extends Event>(event: E, data: EventInput<E>, options?: OnBehalf): Promise<string>;
    send<M extends Method>(method: M, ...args: CallArgs<M, Omit<SendOptions, "lane">>): Promise<string>;
  };
  /** Takes back what `after` gave the id of. @returns false where it is sent already, or may be at this moment */
  cancel(id: string): Promise<boolean>;
}

/** A transaction of the application, begun and ended by Warren. */
export interface StoreTransaction<D> extends Sends {
  /** The application's client of the store, in the transaction. */
  readonly db: D;
}

/** What is sent with a transaction that the application begins and ends itself. */
export interface Joined extends Sends {
  /** To be called after the commit: what was written is sent at once. Without it that takes a second, or five in quiet times. */
  committed(): void;
}

type Put = (entry: OutboxEntry) => void | Promise<void>;

function sends(writer: EntryWriter, put: Put, cancel: (id: string) => Promise<boolean>): Sends {
  async function entered(made: Promise<OutboxEntry>): Promise<string> {
    const entry = await made;
    await put(entry);
    return entry.id;
  }

  const emitting =
    (delayMs: number) =>
    (event: Event, data: unknown, { principal, ...options }: OnBehalf & InLane = {}): Promise<string> => {
      const about = { service: event.service, trail: { principal }, delayMs };
      return entered(writer.event(event, data, about, laneFor(delayMs, options)));
    };
  const calling =
    (delayMs: number) =>
    (method: Method, input?: unknown, options?: SendOptions): Promise<string> => {
      const about = { service: method.service, trail: {}, delayMs };
      return entered(writer.call(method, input, about, laneFor(delayMs, options)));
    };
  const [emit, send] = [emitting(0), calling(0)];
  return {
    emit: async (...args) => void (await emit(...args)),
    send: async (method, ...args) => void (await send(method, ...(args as [unknown, SendOptions?]))),
    after(delayMs) {
      checkDelay(delayMs);
      return { emit: emitting(delayMs), send: calling(delayMs) as never };
    },
    cancel,
  };
}

/** Runs `work` in a transaction: what it changes and sends is committed when it resolves, and undone when it throws. */
export async function runTransaction<D, T>(
  runtime: StoreRuntime,
  writer: EntryWriter,
  work: (transaction: StoreTransaction<D>) => Promise<T>,
): Promise<T> {
  return inUnit(runtime.unit(), (unit) =>
    work({
      ...sends(writer, unit.send, (id) => unit.cancel(id)),
      get db() {
        return unit.db as D;
      },
    }),
  );
}

/** Writes at once, through the application's own transaction. */
export function joined(runtime: StoreRuntime, writer: EntryWriter, sql: Sql): Joined {
  const { outbox } = runtime;
  const entries: OutboxEntry[] = [];
  const put = async (entry: OutboxEntry): Promise<void> => {
    await outbox.add(sql, [entry]);
    entries.push(entry);
  };
  return {
    ...sends(writer, put, (id) => outbox.cancel(sql, id)),
    committed: () => outbox.committed(entries.splice(0)),
  };
}
