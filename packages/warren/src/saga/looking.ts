import type { Fault } from "../fault.ts";
import type { Sql } from "../store.ts";
import type { RunRow, RunState, StepRow, StepState } from "./run.ts";
import type { StageShape } from "./shape.ts";
import { partsOf } from "./signals.ts";
import { faultFrom } from "./stored-fault.ts";
import { fromText } from "./stored-json.ts";

/** Where a run is. Times are milliseconds since the Unix epoch. */
export interface SagaRun {
  readonly saga: string;
  readonly id: string;
  /** The version of the saga that it keeps to. */
  readonly version: string;
  readonly state: RunState;
  readonly conversation: string;
  readonly input: unknown;
  /** What it gave, once it is `done`. */
  readonly output: unknown;
  /** What made it fail, while it is undone and after. */
  readonly error: Fault | undefined;
  readonly beganAt: number;
  /** Since when it is in this state. */
  readonly since: number;
  readonly endedAt: number | undefined;
  readonly deadline: number | undefined;
  /** When it is looked at next, where nothing is done with it now. */
  readonly dueAt: number | undefined;
  /** The instance that works on it. */
  readonly instance: string | undefined;
  /** What it waits for: an event of which key, in which step. */
  readonly waitsFor: { readonly event: string; readonly key: string; readonly step: string } | undefined;
  /** All of them in their order, also those that are still to come. */
  readonly steps: readonly SagaRunStep[];
}

export interface SagaRunStep {
  readonly name: string;
  readonly kind: StageShape["kind"];
  /** The event, of a step that waits for one. */
  readonly event: string | undefined;
  /** `to-come`: it has not begun, and after a failure never will. */
  readonly state: StepState | "to-come";
  readonly attempts: number;
  readonly undoAttempts: number;
  /** What it gave. */
  readonly result: unknown;
  /** Of its last try that failed. */
  readonly error: Fault | undefined;
  readonly beganAt: number | undefined;
  readonly doneAt: number | undefined;
  readonly undoneAt: number | undefined;
  /** When it is tried again, or its waiting ends. */
  readonly dueAt: number | undefined;
}

export interface RunFilter {
  readonly saga?: string | undefined;
  readonly id?: string | undefined;
  readonly conversation?: string | undefined;
  readonly state?: RunState | undefined;
  /** @default 100 */
  readonly limit?: number | undefined;
}

/** Runs in a store, the latest first, with all that is known of them. For tools too: it needs no saga. */
export async function sagaRuns(sql: Sql, filter: RunFilter = {}): Promise<readonly SagaRun[]> {
  const { limit = 100, saga, id, conversation, state } = filter;
  const wanted = Object.entries({ saga, id, conversation, state }).filter(([, value]) => value !== undefined);
  const where = wanted.map(([column], i) => `${column} = $${i + 2}`).join(" and ");
  const { rows } = await sql.query<RunRow>(
    `select * from warren_sagas ${where === "" ? "" : `where ${where}`} order by began_at desc, saga, id limit $1`,
    [limit, ...wanted.map(([, value]) => value as string)],
  );
  const runs: SagaRun[] = [];
  for (const row of rows) {
    const steps = await sql.query<StepRow>("select * from warren_saga_steps where saga = $1 and id = $2", [
      row.saga,
      row.id,
    ]);
    runs.push(runFrom(row, steps.rows));
  }
  return runs;
}

function runFrom(row: RunRow, steps: readonly StepRow[]): SagaRun {
  const stages = JSON.parse(row.shape) as readonly StageShape[];
  const [step, key] = row.waiting === null ? [] : partsOf(row.waiting);
  const event = stages.find(({ names }) => step !== undefined && names.includes(step))?.event;
  return {
    ...{ saga: row.saga, id: row.id, version: row.version, state: row.state, conversation: row.conversation },
    input: fromText(row.input),
    output: fromText(row.output),
    error: faultOf(row.error),
    beganAt: row.began_at,
    since: row.since,
    endedAt: row.ended_at ?? undefined,
    deadline: row.deadline ?? undefined,
    dueAt: row.leased_by === null ? (row.due_at ?? undefined) : undefined,
    instance: row.leased_by ?? undefined,
    waitsFor: step === undefined || event === undefined ? undefined : { event, key: key ?? "", step },
    steps: stages.flatMap((stage) => stage.names.map((name) => stepFrom(stage, name, steps))),
  };
}

function stepFrom({ kind, event }: StageShape, name: string, rows: readonly StepRow[]): SagaRunStep {
  const row = rows.find(({ step }) => step === name);
  return {
    ...{ name, kind, event, state: row?.state ?? "to-come" },
    attempts: row?.attempts ?? 0,
    undoAttempts: row?.undo_attempts ?? 0,
    result: fromText(row?.result ?? null),
    error: faultOf(row?.error ?? null),
    beganAt: row?.began_at,
    doneAt: row?.done_at ?? undefined,
    undoneAt: row?.undone_at ?? undefined,
    dueAt: row?.due_at ?? undefined,
  };
}

function faultOf(text: string | null): Fault | undefined {
  return text === null ? undefined : faultFrom(text);
}
