import type { JournalState } from "../reaction/state.ts";
import { type ConversationSource, latestOf, rowsOf } from "./source.ts";
import { type ConversationState, type ConversationStep, shortened } from "./step.ts";

const table = "warren_journal";
const open = "state in ('begun', 'failed', 'giving-up', 'undoing', 'undo-failed')";

interface Row {
  readonly service: string;
  readonly reaction: string;
  readonly conversation: string;
  readonly message_id: string;
  readonly state: JournalState;
  readonly event: string;
  readonly result: string | null;
  readonly error: string | null;
  readonly tries: number;
  readonly undo_event: string | null;
  readonly began_at: number;
  readonly changed_at: number;
}

/** Reactions that can be undone: what was done, and what was undone of it. */
export const reactions: ConversationSource = {
  recent: (sql, wanted) => latestOf(sql, { table, at: "changed_at", open }, wanted),
  async steps(sql, asked) {
    return (await rowsOf<Row>(sql, table, asked)).map((row) => stepOf(row, asked.data));
  },
};

const meanings: Readonly<Record<JournalState, readonly [ConversationState, string]>> = {
  begun: ["running", "under way"],
  failed: ["waiting", "failed; to be tried again, unless it is a dead letter"],
  done: ["done", "done"],
  skipped: ["undone", "not run, as it was undone before"],
  "giving-up": ["running", "is given up"],
  "given-up": ["undone", "given up"],
  undoing: ["running", "being undone"],
  "undo-failed": ["waiting", "could not be undone; to be tried again, unless it is a dead letter"],
  undone: ["undone", "undone"],
};

/** The journal counts the tries of `run` only. */
const aboutUndo: readonly JournalState[] = ["skipped", "undoing", "undo-failed", "undone"];

function stepOf(row: Row, data: boolean): ConversationStep {
  const [state, text] = meanings[row.state];
  return {
    key: `reaction ${row.service} ${row.reaction} ${row.message_id}`,
    ...{ conversation: row.conversation, service: row.service, kind: "reaction", name: row.reaction },
    ...{ state, text: row.undo_event === null ? text : `${text} on ${row.undo_event}` },
    ...{ at: row.changed_at, beganAt: row.began_at },
    attempts: aboutUndo.includes(row.state) ? undefined : row.tries,
    error: shortened(row.error, 500),
    data: data
      ? shortened(`${row.event}${row.result === null ? "" : ` gave ${row.result}`}`, 4_000)
      : undefined,
  };
}
