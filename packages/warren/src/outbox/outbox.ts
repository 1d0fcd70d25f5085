import type { Sql } from "../store.ts";
import type { OutboxEntry } from "./entry.ts";

/** Messages that commit with data, on their way from one store to the broker. */
export interface Outbox {
  /** Writes entries in a transaction, which may be one of the application. */
  add(sql: Sql, entries: readonly OutboxEntry[]): Promise<void>;
  /** To be told after that transaction has committed: they are sent at once. Without it, the relay finds them. */
  committed(entries: readonly OutboxEntry[]): void;
  /** Begins to send what is in the store, also what others left there. */
  start(): void;
  /** Sends nothing more; resolves when what is under way is settled. */
  stop(): Promise<void>;
}
