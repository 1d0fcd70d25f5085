import type { Store } from "../store.ts";

/** How much waits in an outbox, and for how long. */
export interface Depth {
  /** Counted up to 100,000. */
  readonly entries: number;
  /** Of the oldest message that is to be sent already; 0 where there is none. */
  readonly oldestAgeMs: number;
}

const countedTo = 100_000;
/** As long, at the most, a failed message is put off, so that `due_at` says of no message that it is due. */
const longestPauseMs = 600_000;
const lookedAt = 1_000;

/** One statement, whose work is bounded however much waits. Timers that are not yet due are no backlog. */
export async function outboxDepth(store: Pick<Store<any>, "query">, now: number): Promise<Depth> {
  const { rows } = await store.query<{ entries: number; oldest: number | null }>(
    `select (select count(*) from (select 1 as one from warren_outbox limit ${countedTo}) as counted) as entries,
      (select min(wanted_at) from (
        select wanted_at from warren_outbox where due_at <= $1 and wanted_at <= $2
        order by due_at limit ${lookedAt}) as due) as oldest`,
    [now + longestPauseMs, now],
  );
  const { entries = 0, oldest = null } = rows[0] ?? {};
  return { entries, oldestAgeMs: oldest === null ? 0 : Math.max(0, now - oldest) };
}
