import type { Outgoing } from "../message.ts";
import { placeholderRows, placeholders } from "../store/placeholders.ts";
import { inTransaction, type Row, type Sql, type SqlValue, type Store } from "../store.ts";
import type { OutboxEntry } from "./entry.ts";

/** An entry that is in the store, or was just written there. */
export interface StoredEntry extends Omit<OutboxEntry, "dueAt"> {
  /** How often it was tried before, or may have been. */
  readonly attempts: number;
  /** How often of these it failed, and not for want of somebody to take it: what it is given up for. */
  readonly failures: number;
}

/** An entry that was not sent: when it is looked at next, and why. */
export interface GivenBack {
  readonly id: string;
  readonly dueAt: number;
  /** It was sent, or may have been: nobody can take it back any more. */
  readonly tried: boolean;
  /** Why the try came to nothing, where that is known. */
  readonly error?: string | undefined;
  /** The try counts among the failures. */
  readonly hasFailed?: boolean | undefined;
}

/** The statements on `warren_outbox`, each short and on an index. */
export interface OutboxRows {
  /** @param leasedUntil of those that this process will send from memory */
  insert(
    sql: Sql,
    entries: readonly OutboxEntry[],
    now: number,
    leasedUntil: (entry: OutboxEntry) => number | undefined,
  ): Promise<void>;
  cancel(sql: Sql, id: string, service?: string): Promise<boolean>;
  /** When something is to be looked at, in the past for what is due; `undefined` where there is nothing. */
  nextDue(): Promise<number | undefined>;
  /**
   * Leases what is due and nobody has, oldest first; of each lane only the first entry, and only where nothing of the
   * lane is under way.
   */
  claim(options: Claim): Promise<readonly StoredEntry[]>;
  /** Leases what follows in the lanes whose first entries this process has: the second of each, then the third of each. */
  claimBehind(lanes: readonly string[], options: Claim, perLane: number): Promise<readonly StoredEntry[]>;
  remove(ids: readonly string[]): Promise<void>;
  giveBack(rows: readonly GivenBack[]): Promise<void>;
  /** @returns which of them still were this process's */
  renew(ids: readonly string[], leasedUntil: number): Promise<ReadonlySet<string>>;
}

/** No more than so much. */
export interface Room {
  readonly rows: number;
  /** Of their bodies. The one that goes beyond it is the last. */
  readonly bytes: number;
  readonly calls: number;
}

export interface Claim extends Room {
  readonly now: number;
  readonly leasedUntil: number;
}

/** Rows per statement: SQLite and `pg` keep statements by their text, and each number is a text of its own. */
const insertedTogether = 64;
const columns = 15;
const returned = "seq, id, service, kind, type, conversation, lane, message, body, attempts, failures";

export function outboxRows(store: Store<any>, instance: string): OutboxRows {
  const { skipLocked } = store.dialect;

  async function insertSome(
    sql: Sql,
    entries: readonly OutboxEntry[],
    now: number,
    leasedUntil: (entry: OutboxEntry) => number | undefined,
  ): Promise<void> {
    await sql.query(
      insertOf(entries.length),
      entries.flatMap((entry): SqlValue[] => {
        const { id, service, kind, type, conversation, lane = null, dueAt, message } = entry;
        const { body, ...rest } = message;
        const until = leasedUntil(entry);
        return [
          ...[id, service, kind, type, conversation, lane, JSON.stringify(rest), body],
          ...(until === undefined ? [dueAt, dueAt, null] : [until, dueAt, instance]),
          ...[0, 0, null, now],
        ];
      }),
    );
  }

  /** Who had it before did not come back, and may have sent it. */
  const lease = (by: string, until: string): string =>
    `update warren_outbox set leased_by = ${by}, due_at = ${until},
        attempts = attempts + case when leased_by is null then 0 else 1 end`;

  async function claimed(text: string, values: readonly SqlValue[]): Promise<readonly StoredEntry[]> {
    const { rows } = await store.query<Row & { seq: number }>(text, values);
    // What an update returns comes in no particular order.
    return rows.toSorted((a, b) => a.seq - b.seq).map(entryOf);
  }

  const inserts: string[] = [];
  /** The text for so many rows: put together once. */
  function insertOf(count: number): string {
    inserts[count] ??=
      `insert into warren_outbox (id, service, kind, type, conversation, lane, message, body, due_at,
      wanted_at, leased_by, attempts, failures, last_error, created_at) values ${placeholderRows(count, columns)}`;
    return inserts[count];
  }

  return {
    async insert(sql, entries, now, leasedUntil) {
      for (let from = 0; from < entries.length; from += insertedTogether)
        await insertSome(sql, entries.slice(from, from + insertedTogether), now, leasedUntil);
    },
    async cancel(sql, id, service) {
      const { changes } = await sql.query(
        `delete from warren_outbox where id = $1 and leased_by is null and attempts = 0
          ${service === undefined ? "" : "and service = $2"}`,
        service === undefined ? [id] : [id, service],
      );
      return changes > 0;
    },
    async nextDue() {
      const { rows } = await store.query<{ due: number | null }>(
        "select min(due_at) as due from warren_outbox",
      );
      return rows[0]?.due ?? undefined;
    },
    // Materialized: PostgreSQL may else run the inner select again for each row, and lease more than the limit.
    claim: ({ rows, bytes, calls, now, leasedUntil }) =>
      claimed(
        `with picked as materialized (
          select seq, due_at, kind, length(body) as size from warren_outbox as entry
          where due_at <= $1${calls > 0 ? "" : " and kind <> 'call'"}
          and (lane is null or not exists (
            select 1 from warren_outbox as before where before.lane = entry.lane and before.seq < entry.seq))
          order by due_at, seq limit $2 ${skipLocked}),
        counted as (
          select seq, kind, row_number() over (partition by kind order by due_at, seq) as nth,
            sum(size) over (order by due_at, seq) - size as bytes_before from picked)
        ${lease("$5", "$6")} where seq in (
          select seq from counted where bytes_before < $3 and (kind <> 'call' or nth <= $4))
        returning ${returned}`,
        [now, rows, bytes, calls, instance, leasedUntil],
      ),
    // Nobody else takes these, as they are first in no lane; the lease is for when the first has been sent. What is left
    // out is behind all that is taken, so that no lane has a gap.
    claimBehind: (lanes, { rows, bytes, calls, now, leasedUntil }, perLane) =>
      claimed(
        `with placed as (
          select seq, kind, due_at, length(body) as size, row_number() over (partition by lane order by seq) as place
          from warren_outbox where lane in ${placeholders(lanes.length, 8)}),
        counted as materialized (
          select seq, row_number() over (order by place, seq) as nth,
            sum(size) over (order by place, seq) - size as bytes_before,
            sum(case kind when 'call' then 1 else 0 end) over (order by place, seq) as calls
          from placed where place > 1 and place <= $1 and due_at <= $2)
        ${lease("$6", "$7")} where seq in (
          select seq from counted where nth <= $3 and bytes_before < $4 and calls <= $5)
        returning ${returned}`,
        [perLane, now, rows, bytes, calls, instance, leasedUntil, ...lanes],
      ),
    async remove(ids) {
      const some = padded(ids);
      await store.query(`delete from warren_outbox where id in ${placeholders(some.length)}`, some);
    },
    giveBack: (rows) =>
      inTransaction(store, async (sql) => {
        const silent = rows.filter(({ error }) => error === undefined);
        for (const same of Map.groupBy(silent, ({ dueAt, tried }) => `${dueAt} ${tried}`).values()) {
          const ids = padded(same.map(({ id }) => id));
          await sql.query(
            `update warren_outbox set leased_by = null, due_at = $1, attempts = attempts + $2
              where leased_by = $3 and id in ${placeholders(ids.length, 4)}`,
            [same[0]!.dueAt, Number(same[0]!.tried), instance, ...ids],
          );
        }
        for (const { id, dueAt, error, hasFailed = false } of rows)
          if (error !== undefined)
            await sql.query(
              `update warren_outbox set leased_by = null, due_at = $1, last_error = $2, attempts = attempts + 1,
                failures = failures + $3 where id = $4 and leased_by = $5`,
              [dueAt, error, Number(hasFailed), id, instance],
            );
      }),
    async renew(ids, leasedUntil) {
      const some = padded(ids);
      const { rows } = await store.query<{ id: string }>(
        `update warren_outbox set due_at = $1 where leased_by = $2 and id in ${placeholders(some.length, 3)}
          returning id`,
        [leasedUntil, instance, ...some],
      );
      return new Set(rows.map(({ id }) => id));
    },
  };
}

/** As many as the next power of two, the last one repeated: so there are ten statements to be kept and not a thousand. */
function padded(ids: readonly string[]): string[] {
  const length = 2 ** Math.ceil(Math.log2(ids.length));
  return Array.from({ length }, (_, i) => ids[Math.min(i, ids.length - 1)]!);
}

function entryOf(row: Row): StoredEntry {
  const { id, service, kind, type, conversation, lane, message, body, attempts, failures } = row;
  return {
    id: id as string,
    service: service as string,
    kind: kind as StoredEntry["kind"],
    type: type as string,
    conversation: conversation as string,
    lane: (lane as string | null) ?? undefined,
    attempts: attempts as number,
    failures: failures as number,
    message: {
      ...(JSON.parse(message as string) as Omit<Outgoing, "body">),
      body: body as Uint8Array,
    },
  };
}
