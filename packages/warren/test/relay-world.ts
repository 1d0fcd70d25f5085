import { onTestFinished } from "vitest";
import type { Logger, Store, TransportState } from "../src/index.ts";
import type { Deliver } from "../src/outbox/delivery.ts";
import type { OutboxEntry } from "../src/outbox/entry.ts";
import type { Outbox } from "../src/outbox/outbox.ts";
import { relay } from "../src/outbox/relay.ts";
import { sqlite } from "../src/sqlite/index.ts";
import { migrate } from "../src/store/migrate.ts";
import { inTransaction } from "../src/store.ts";
import { type VirtualClock, virtualClock } from "../src/testing/virtual-clock.ts";

/** A broker as a relay sees it, which can be away. */
export interface Away {
  readonly state: TransportState;
  watch(changed: (state: TransportState) => void): () => void;
  set(publishing: boolean): void;
}

function line(): Away {
  let publishing = true;
  const watchers = new Set<(state: TransportState) => void>();
  const line: Away = {
    get state() {
      return { publishing, consuming: true };
    },
    watch(changed) {
      watchers.add(changed);
      return () => watchers.delete(changed);
    },
    set(now) {
      publishing = now;
      for (const changed of watchers) changed(line.state);
    },
  };
  return line;
}

export interface RelayWorld {
  readonly clock: VirtualClock;
  readonly store: Store;
  readonly line: Away;
  /** What was sent, as `<instance> <id>`. */
  readonly sent: string[];
  /** What was logged, level and words. */
  readonly logged: string[];
  /** A relay of its own instance, started; `deliver` in place of one that succeeds at once. */
  relay(instance: string, deliver?: Deliver, store?: Store, clock?: VirtualClock): Outbox;
  /** Writes entries in a transaction, as a relay does that sends them itself, or (`others`) as one that ended then. */
  write(through: Outbox, entries: readonly OutboxEntry[], others?: "others"): Promise<void>;
  rows(): Promise<readonly Row[]>;
}

interface Row {
  readonly id: string;
  readonly due_at: number;
  readonly leased_by: string | null;
  readonly attempts: number;
  readonly failures: number;
  readonly last_error: string | null;
}

export async function relayWorld(): Promise<RelayWorld> {
  const clock = virtualClock();
  const store = sqlite({ clock });
  await store.open();
  await migrate(store);
  const [sent, logged, there]: [string[], string[], Away] = [[], [], line()];
  const log = Object.fromEntries(
    ["debug", "info", "warn", "error"].map((level) => [
      level,
      (_: object, words: string) => logged.push(`${level} ${words}`),
    ]),
  ) as unknown as Logger;
  return {
    clock,
    store,
    line: there,
    sent,
    logged,
    relay(instance, deliver = async () => ({ done: true }), on = store, time = clock) {
      const made = relay({
        store: on,
        transport: there,
        clock: time,
        log,
        instance,
        deliver(entry) {
          sent.push(`${instance} ${entry.id}`);
          return deliver(entry);
        },
      });
      made.start();
      onTestFinished(() => made.stop({ drainMs: 0 }));
      return made;
    },
    async write(through, entries, others) {
      await inTransaction(store, (sql) => through.add(sql, entries, { soon: others === undefined }));
      if (others === undefined) through.committed(entries);
    },
    rows: async () => {
      const { rows } = await store.query<Row>(
        "select id, due_at, leased_by, attempts, failures, last_error from warren_outbox order by seq",
      );
      return rows;
    },
  };
}

export function entry(id: string, more: Partial<OutboxEntry> = {}): OutboxEntry {
  return {
    id,
    service: "shop",
    kind: "event",
    type: "shop.sold",
    conversation: id,
    dueAt: 0,
    message: { exchange: "", key: id, body: Buffer.from(id), persistent: true, mandatory: false },
    ...more,
  };
}
