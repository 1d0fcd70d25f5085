import { createHash } from "node:crypto";
import type { Inbox, Mark } from "../inbox/inbox.ts";
import { inTransaction, type Sql, type Store } from "../store.ts";
import type { Clock } from "../time.ts";
import { type JournalState, undoable } from "./state.ts";

/** What a reaction did under one key, on whatever messages. */
export interface Chapter {
  readonly service: string;
  /** The id of the event that it reacts to. */
  readonly reaction: string;
  readonly key: string;
}

/** One run of a reaction. */
export interface Run extends Chapter {
  readonly conversation: string;
  readonly messageId: string;
  /** The event, as JSON. */
  readonly event: string;
}

export interface Entered {
  /** `begun` or `giving-up` where that is what was asked for and may be done now. */
  readonly state: JournalState;
  readonly seq: number;
  /** Which try of `run` this is. A later one of the same run makes what this one says of its failure void. */
  readonly tries: number;
  readonly error: string | null;
}

/** A run that is to be undone. */
export interface Undoable {
  readonly seq: number;
  readonly event: string;
  readonly result: string | null;
  readonly state: JournalState;
}

/** Which message undoes. */
export interface By {
  readonly event: string;
  readonly messageId: string;
  readonly conversation: string;
}

/**
 * What reactions of one store did and what of that was undone. A chapter is closed by the first event that undoes it:
 * from then on nothing is begun in it. Both are short transactions that wait for each other, and no transaction is open
 * while a handler waits for something else, so who is at work says until when that may take (`busy_until`).
 */
export interface Journal {
  /** Commits that the run is about to begin: whatever becomes of it, it may have had effects outside of the store. */
  begin(run: Run, busyUntil: number): Promise<Entered>;
  /** In the transaction of the run. @returns false where it is being undone, so that it must not commit */
  done(sql: Sql, seq: number, result: string): Promise<boolean>;
  failed(entered: Entered, error: string): Promise<void>;
  /** Commits that the run is about to be given up: it is not run any more. */
  giveUp(run: Run, error: string): Promise<Entered>;
  /** In the transaction of `gaveUp`. @returns false where another one was faster */
  gaveUp(sql: Sql, seq: number): Promise<boolean>;
  /**
   * Closes a chapter, and takes its runs to be undone, the newest first: none where there is nothing to undo, and the
   * mark is made then. `undefined`: nothing is taken yet, since somebody is at work there.
   * @param eachMs how long the undo of each may take
   */
  close(chapter: Chapter, by: By, mark: Mark, eachMs: number): Promise<readonly Undoable[] | undefined>;
  /** Whether somebody is still at work. Cheaper than `close`. */
  isBusy(chapter: Chapter, by: By): Promise<boolean>;
  /** In the transaction of the undo. @returns false where another one was faster */
  undone(sql: Sql, runs: readonly Undoable[]): Promise<boolean>;
  undoFailed(runs: readonly Undoable[], by: By, error: string): Promise<void>;
  /** When it last began, as a number that grows; 0 where it never did. */
  latest(chapter: Chapter): Promise<number>;
}

interface JournalRow extends Undoable {
  readonly busy_until: number;
  readonly undo_message_id: string | null;
}

/** Clocks of two machines differ a little. */
export const graceMs = 5_000;

const inChapter = "service = $1 and reaction = $2 and key = $3";
const states = (list: readonly JournalState[]): string => list.map((state) => `'${state}'`).join(", ");

export function journal(store: Store, inbox: Inbox, clock: Clock): Journal {
  /** Begins and undos of one chapter take turns. */
  async function lock(sql: Sql, { service, reaction, key }: Chapter): Promise<void> {
    const name = createHash("sha256")
      .update(JSON.stringify([service, reaction, key]))
      .digest("hex");
    const statement = store.dialect.lock(`warren journal ${name}`);
    if (statement !== undefined) await sql.query(statement);
  }

  async function isClosed(sql: Sql, { service, reaction, key }: Chapter): Promise<boolean> {
    const { rows } = await sql.query(`select 1 as yes from warren_undone where ${inChapter}`, [
      service,
      reaction,
      key,
    ]);
    return rows.length > 0;
  }

  function enter(
    run: Run,
    state: "begun" | "giving-up",
    from: readonly JournalState[],
    busyUntil: number,
    error: string | null,
  ): Promise<Entered> {
    return inTransaction(store, async (sql) => {
      await lock(sql, run);
      const closed = await isClosed(sql, run);
      const { service, reaction, key, conversation, messageId, event } = run;
      const now = clock.now();
      const update = closed
        ? "nothing"
        : `update set state = excluded.state, error = coalesce(excluded.error, warren_journal.error),
          tries = warren_journal.tries + excluded.tries, busy_until = excluded.busy_until, changed_at = excluded.changed_at
          where warren_journal.state in (${states(from)})`;
      const { rows } = await sql.query<Entered>(
        `insert into warren_journal (service, reaction, key, conversation, message_id, state, event, error, tries,
          busy_until, began_at, changed_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $11, $9, $10, $10)
        on conflict (service, reaction, message_id) do ${update} returning seq, state, tries, error`,
        [
          ...[service, reaction, key, conversation, messageId, closed ? "skipped" : state, event, error],
          ...[busyUntil, now, !closed && state === "begun" ? 1 : 0],
        ],
      );
      if (rows[0] !== undefined) return rows[0];
      const { rows: found } = await sql.query<Entered>(
        `select seq, state, tries, error from warren_journal
        where service = $1 and reaction = $2 and message_id = $3`,
        [service, reaction, messageId],
      );
      // What has been tried before and is about to be undone is left to the undo.
      return closed ? { ...found[0]!, state: "skipped" } : found[0]!;
    });
  }

  const isBusyRow = (row: Omit<JournalRow, "event" | "result">, by: By, now: number): boolean =>
    row.busy_until > now &&
    (row.state === "begun" || (row.state === "undoing" && row.undo_message_id !== by.messageId));

  /** Changes one row, which has to be in one of some states. */
  async function move(
    sql: Sql,
    seq: number,
    to: JournalState,
    from: readonly JournalState[],
  ): Promise<boolean> {
    const { changes } = await sql.query(
      `update warren_journal set state = $1, changed_at = $2 where seq = $3 and state in (${states(from)})`,
      [to, clock.now(), seq],
    );
    return changes > 0;
  }

  return {
    begin: (run, busyUntil) => enter(run, "begun", ["begun", "failed"], busyUntil, null),
    async done(sql, seq, result) {
      const { changes } = await sql.query(
        `update warren_journal set state = 'done', result = $1, error = null, changed_at = $2
        where seq = $3 and state in ('begun', 'failed')`,
        [result, clock.now(), seq],
      );
      return changes > 0;
    },
    async failed({ seq, tries }, error) {
      await store.query(
        `update warren_journal set state = 'failed', error = $1, changed_at = $2
        where seq = $3 and tries = $4 and state = 'begun'`,
        [error, clock.now(), seq, tries],
      );
    },
    giveUp: (run, error) => enter(run, "giving-up", ["begun", "failed", "giving-up"], 0, error),
    gaveUp: (sql, seq) => move(sql, seq, "given-up", ["giving-up"]),
    close: (chapter, by, mark, eachMs) =>
      inTransaction(store, async (sql) => {
        await lock(sql, chapter);
        const { service, reaction, key } = chapter;
        const now = clock.now();
        await sql.query(
          `insert into warren_undone (service, reaction, key, conversation, event, message_id, undone_at)
          values ($1, $2, $3, $4, $5, $6, $7) on conflict do nothing`,
          [service, reaction, key, by.conversation, by.event, by.messageId, now],
        );
        const { rows } = await sql.query<JournalRow>(
          `select seq, event, result, state, busy_until, undo_message_id from warren_journal
          where ${inChapter} and state in (${states(undoable)}) order by seq desc ${store.dialect.forUpdate}`,
          [service, reaction, key],
        );
        if (rows.some((row) => isBusyRow(row, by, now))) return undefined;
        if (rows.length === 0) await inbox.claim(sql, mark);
        for (const { seq } of rows)
          await sql.query(
            `update warren_journal set state = 'undoing', undo_event = $1, undo_message_id = $2, busy_until = $3,
              changed_at = $4 where seq = $5`,
            [by.event, by.messageId, now + rows.length * eachMs + graceMs, now, seq],
          );
        return rows;
      }),
    async isBusy({ service, reaction, key }, by) {
      const { rows } = await store.query<JournalRow>(
        `select state, busy_until, undo_message_id from warren_journal
        where ${inChapter} and state in ('begun', 'undoing')`,
        [service, reaction, key],
      );
      const now = clock.now();
      return rows.some((row) => isBusyRow(row, by, now));
    },
    async undone(sql, runs) {
      for (const { seq } of runs) if (!(await move(sql, seq, "undone", ["undoing"]))) return false;
      return true;
    },
    async undoFailed(runs, by, error) {
      await inTransaction(store, async (sql) => {
        for (const { seq } of runs)
          await sql.query(
            `update warren_journal set state = 'undo-failed', error = $1, changed_at = $2
            where seq = $3 and state = 'undoing' and undo_message_id = $4`,
            [error, clock.now(), seq, by.messageId],
          );
      });
    },
    async latest({ service, reaction, key }) {
      const { rows } = await store.query<{ latest: number | null }>(
        `select max(seq) as latest from warren_journal where ${inChapter}`,
        [service, reaction, key],
      );
      return rows[0]?.latest ?? 0;
    },
  };
}
