import type { Sql } from "../store.ts";
import type { OutboxEntry } from "./entry.ts";

/** Messages that commit with data, on their way from one store to the broker. */
export interface Outbox {
  /** Writes entries in a transaction, which may be one of the application. */
  add(sql: Sql, entries: readonly OutboxEntry[], options?: AddOptions): Promise<void>;
  /** To be told after that transaction has committed: they are sent at once. Without it, the relay finds them. */
  committed(entries: readonly OutboxEntry[]): void;
  /**
   * Takes an entry back, in a transaction.
   * @param service whose it is, where it is to be that of a certain one
   * @returns false where there is none, or where it was sent or may have been
   */
  cancel(sql: Sql, id: string, service?: string): Promise<boolean>;
  /** Begins to send what is in the store, also what others left there. */
  start(): void;
  /**
   * Sends nothing more. What is under way has `drainMs` milliseconds to be confirmed; the rest stays in the store, free
   * for other processes.
   */
  stop(options: { readonly drainMs: number }): Promise<void>;
}

export interface AddOptions {
  /**
   * `committed` will be called right after the transaction, so that this process may send them from memory: nobody
   * else touches them for the time of a lease. @default false
   */
  readonly soon?: boolean;
}
