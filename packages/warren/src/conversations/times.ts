import type { Standing } from "../schedule/standing.ts";
import { type ConversationSource, latestOf, rowsOf } from "./source.ts";
import { type ConversationState, type ConversationStep, shortened } from "./step.ts";

const table = "warren_schedules";

interface Row {
  readonly service: string;
  readonly name: string;
  readonly conversation: string;
  readonly state: Standing["state"];
  readonly tick_at: number;
  readonly attempt: number;
  readonly begun_at: number;
  readonly due_at: number;
  readonly ended_at: number;
  readonly error: string | null;
}

/** The latest run of each schedule. What it caused is told by others. */
export const times: ConversationSource = {
  recent: (sql, wanted) =>
    latestOf(sql, { table, at: "begun_at", open: "state in ('running', 'waiting', 'failed')" }, wanted).then(
      (found) => found.filter(({ conversation }) => conversation !== ""),
    ),
  async steps(sql, asked) {
    return (await rowsOf<Row>(sql, table, asked)).map(stepOf);
  },
};

const meanings: Readonly<Record<Standing["state"], readonly [ConversationState, string]>> = {
  none: ["done", "not run yet"],
  running: ["running", "under way"],
  waiting: ["waiting", "failed; to be tried again"],
  done: ["done", "done"],
  failed: ["stuck", "given up, until its next time"],
};

function stepOf(row: Row): ConversationStep {
  const [state, text] = meanings[row.state];
  return {
    key: `schedule ${row.service} ${row.name} ${row.tick_at}`,
    ...{ conversation: row.conversation, service: row.service, kind: "schedule", name: row.name },
    ...{ state, text, at: row.ended_at === 0 ? row.begun_at : row.ended_at, beganAt: row.begun_at },
    dueAt: row.state === "waiting" ? row.due_at : undefined,
    attempts: row.attempt,
    error: shortened(row.error, 500),
  };
}
