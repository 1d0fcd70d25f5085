import type { Random } from "../id.ts";
import type { Logger } from "../log.ts";
import type { Store } from "../store.ts";
import { type Clock, delay, type Timer } from "../time.ts";

/** Rows that nobody needs any more after some time. */
export interface Expiring {
  readonly table: string;
  /** The columns that tell one row from the others. */
  readonly key: readonly string[];
  /** The column of the time since when, with an index. */
  readonly since: string;
  readonly keepMs: number;
  /** A condition in SQL: rows that are needed all the same. */
  readonly unless?: string;
}

export interface Sweeper {
  start(): void;
  /** Resolves when no statement of it is under way. */
  stop(): Promise<void>;
}

export interface SweeperOptions {
  readonly store: Store<any>;
  readonly expiring: readonly Expiring[];
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

const everyMs = 60_000;
/** Few enough that nobody notices who waits for them; with the pause, up to some thousand rows a second. */
const rowsTogether = 500;
const pauseMs = 50;

/**
 * Deletes what has expired: every minute one of the processes that have this store, in small transactions with pauses
 * between them. What it did not get to is left to the next minute.
 */
export function sweeper({ store, expiring, clock, random, log }: SweeperOptions): Sweeper {
  const ending = new AbortController();
  let timer: Timer | undefined;
  let sweeping: Promise<void> | undefined;

  function again(): void {
    if (ending.signal.aborted) return;
    // Apart from each other, so that not all ask at once who does it.
    timer = clock.after(everyMs * (0.5 + random()), () => {
      sweeping = sweepInTurn().finally(again);
    });
  }

  async function sweepInTurn(): Promise<void> {
    try {
      if (await isMyTurn()) await sweep(clock.now() + 0.8 * everyMs);
    } catch (err) {
      log.warn({ err, store: store.name }, "what has expired could not be deleted; it is tried again");
    }
  }

  async function isMyTurn(): Promise<boolean> {
    const now = clock.now();
    const { changes } = await store.query(
      `insert into warren_turns (name, next_at) values ('sweep', $1)
        on conflict (name) do update set next_at = excluded.next_at where warren_turns.next_at <= $2`,
      [now + everyMs, now],
    );
    return changes > 0;
  }

  async function sweep(until: number): Promise<void> {
    let deleted = 0;
    // By turns, so that one table that grows fast does not keep the others from being swept.
    for (let left = expiring; left.length > 0 && clock.now() < until; ) {
      const more: Expiring[] = [];
      for (const each of left) {
        if (ending.signal.aborted) return;
        const changes = await deleteSome(each);
        deleted += changes;
        if (changes === rowsTogether) more.push(each);
      }
      left = more;
      if (left.length > 0) await delay(clock, pauseMs, ending.signal);
    }
    if (deleted > 0) log.debug({ deleted, store: store.name }, "deleted what has expired");
  }

  async function deleteSome({ table, key, since, keepMs, unless }: Expiring): Promise<number> {
    const columns = key.join(", ");
    const { changes } = await store.query(
      `delete from ${table} where (${columns}) in
        (select ${columns} from ${table} where ${since} < $1 ${unless === undefined ? "" : `and not (${unless})`} order by ${since} limit ${rowsTogether})`,
      [clock.now() - keepMs],
    );
    return changes;
  }

  return {
    start: again,
    async stop() {
      ending.abort();
      timer?.cancel();
      await sweeping;
    },
  };
}
