import type { Store } from "../store.ts";
import type { JournalState } from "./state.ts";

/** What one reaction did, or did not do, in a conversation. */
export interface JournalRow {
  readonly service: string;
  /** The id of the event that it reacts to. */
  readonly reaction: string;
  readonly key: string;
  /** `overtaken`: undone before any run of it came. */
  readonly state: JournalState | "overtaken";
  readonly messageId: string;
  /** How often it was begun. */
  readonly tries: number;
  /** Of the last try that failed. */
  readonly error: string | undefined;
  /** The id of the event that undoes it, or did. */
  readonly undoneOn: string | undefined;
  /** Milliseconds since the Unix epoch. */
  readonly beganAt: number;
  /** Since when it is in its state, in milliseconds since the Unix epoch. */
  readonly since: number;
}

/**
 * What the journal of a store has about a conversation: the reactions with `undo` or `gaveUp` that its events led to, in
 * the order in which they began.
 */
export async function journalRows(
  store: Pick<Store, "query">,
  conversation: string,
): Promise<readonly JournalRow[]> {
  const { rows } = await store.query<Selected>(
    `select service, reaction, key, state, message_id, tries, error, undo_event, began_at, changed_at
    from warren_journal where conversation = $1 order by seq`,
    [conversation],
  );
  const { rows: closed } = await store.query<Selected>(
    `select service, reaction, key, 'overtaken' as state, message_id, 0 as tries, null as error,
      event as undo_event, undone_at as began_at, undone_at as changed_at
    from warren_undone where conversation = $1 and not exists (
      select 1 from warren_journal where warren_journal.service = warren_undone.service
        and warren_journal.reaction = warren_undone.reaction and warren_journal.key = warren_undone.key)
    order by undone_at`,
    [conversation],
  );
  return [...rows, ...closed].map((row) => ({
    service: row.service,
    reaction: row.reaction,
    key: row.key,
    state: row.state,
    messageId: row.message_id,
    tries: row.tries,
    error: row.error ?? undefined,
    undoneOn: row.undo_event ?? undefined,
    beganAt: row.began_at,
    since: row.changed_at,
  }));
}

interface Selected {
  readonly service: string;
  readonly reaction: string;
  readonly key: string;
  readonly state: JournalRow["state"];
  readonly message_id: string;
  readonly tries: number;
  readonly error: string | null;
  readonly undo_event: string | null;
  readonly began_at: number;
  readonly changed_at: number;
}
