import type { Logger } from "../log.ts";
import type { Store } from "../store.ts";
import type { Clock } from "../time.ts";
import type { Transport } from "../transport.ts";
import type { OutboxEntry } from "./entry.ts";
import type { Outbox } from "./outbox.ts";

export interface RelayOptions {
  readonly store: Store<any>;
  readonly transport: Transport;
  readonly clock: Clock;
  readonly log: Logger;
  /** Whose leases this process's are. */
  readonly instance: string;
}

/** Sends what is in a store's outbox. An entry is deleted when the broker has confirmed it, and not before. */
export function relay({ store, transport, clock, log, instance }: RelayOptions): Outbox {
  const underway = new Set<Promise<void>>();

  async function send(entry: OutboxEntry): Promise<void> {
    try {
      await transport.publish(entry.message);
      await store.query("delete from warren_outbox where id = $1", [entry.id]);
    } catch (err) {
      log.warn({ err, id: entry.id }, "a message could not be sent from the outbox and stays in it");
    }
  }

  return {
    async add(sql, entries) {
      for (const { id, service, kind, type, conversation, lane = null, dueAt, message } of entries) {
        const { body, ...rest } = message;
        await sql.query(
          `insert into warren_outbox (id, service, kind, type, conversation, lane, message, body, due_at,
            leased_by, leased_until, attempts, created_at)
          values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 0, $12)`,
          [
            ...[id, service, kind, type, conversation, lane, JSON.stringify(rest), body, dueAt],
            ...[instance, clock.now() + 30_000, clock.now()],
          ],
        );
      }
    },
    committed(entries) {
      for (const entry of entries) {
        const sending = send(entry).finally(() => underway.delete(sending));
        underway.add(sending);
      }
    },
    start() {},
    async stop() {
      await Promise.all(underway);
    },
  };
}
