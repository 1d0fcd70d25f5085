import type { Fault } from "../fault.ts";
import type { Headers } from "../message.ts";
import type { Principal } from "../principal.ts";
import type { SagaPlan } from "./plan.ts";
import { faultFrom } from "./stored-fault.ts";
import { fromText } from "./stored-json.ts";

/**
 * `running`: a step is under way, or to be tried again. `waiting`: for an event, or for a time. `compensating`: what was
 * done is being undone. `stuck`: an undo failed for good; a person has to decide. `done` and `failed` are ends.
 */
export type RunState = "running" | "waiting" | "compensating" | "stuck" | "done" | "failed";

/** `retrying` and `waiting` have a time; `failed` is the step that ended the run; `undoing` is also one whose undo failed. */
export type StepState =
  | "running"
  | "retrying"
  | "waiting"
  | "done"
  | "failed"
  | "undoing"
  | "undone"
  | "stuck";

/** A row of `warren_sagas`. */
export interface RunRow {
  readonly saga: string;
  readonly id: string;
  readonly version: string;
  readonly shape: string;
  readonly state: RunState;
  readonly input: string;
  readonly output: string | null;
  readonly error: string | null;
  readonly conversation: string;
  readonly principal: string | null;
  /** What began it, as JSON: see `Trail`. */
  readonly trace: string | null;
  readonly waiting: string | null;
  readonly deadline: number | null;
  readonly due_at: number | null;
  readonly leased_by: string | null;
  readonly fence: number;
  readonly began_at: number;
  readonly since: number;
  readonly ended_at: number | null;
}

/** Tells a run from all others of its store. */
export function keyOf({ saga, id }: Pick<RunRow, "saga" | "id">): string {
  return `${saga}\n${id}`;
}

/** A row of `warren_saga_steps`. */
export interface StepRow {
  readonly step: string;
  readonly state: StepState;
  readonly attempts: number;
  readonly undo_attempts: number;
  readonly result: string | null;
  readonly error: string | null;
  readonly due_at: number | null;
  readonly signal: string | null;
  /** Which calls are to be made anew, and how often that was so: see `step-calls.ts`. */
  readonly anew: string | null;
  /** The `traceparent` of its last try. */
  readonly traced: string | null;
  readonly began_at: number;
  readonly done_at: number | null;
  readonly undone_at: number | null;
}

/** A run while this process works on it: what its rows say, as this process left them. */
export interface Run {
  readonly plan: SagaPlan;
  readonly id: string;
  /** Which lease of the run this is: whoever takes the run after this one has another, also where it is the same process. */
  readonly fence: number;
  readonly input: unknown;
  readonly conversation: string;
  readonly principal: Principal | undefined;
  readonly trace: Headers | undefined;
  readonly deadline: number | undefined;
  readonly steps: Map<string, StepRow>;
  /** Results, as JSON gives them back. */
  readonly done: Record<string, unknown>;
  state: RunState;
  error: Fault | undefined;
}

/** @param input validated */
export function runOf(plan: SagaPlan, row: RunRow, input: unknown, steps: readonly StepRow[]): Run {
  const run: Run = {
    plan,
    id: row.id,
    fence: row.fence,
    input,
    conversation: row.conversation,
    principal: row.principal === null ? undefined : JSON.parse(row.principal),
    trace: row.trace === null ? undefined : JSON.parse(row.trace),
    deadline: row.deadline ?? undefined,
    steps: new Map(),
    done: {},
    state: row.state,
    error: row.error === null ? undefined : faultFrom(row.error),
  };
  for (const step of steps) noteStep(run, step);
  return run;
}

/** What the rows say of a step is known to the run from now on. */
export function noteStep(run: Run, step: StepRow): void {
  run.steps.set(step.step, step);
  if (step.done_at !== null) run.done[step.step] = fromText(step.result);
}

/** The row of a step that begins. */
export function firstRow(step: string, state: StepState, now: number, dueAt: number | null): StepRow {
  return {
    ...{ step, state, attempts: 0, undo_attempts: 0, result: null, error: null },
    ...{
      due_at: dueAt,
      signal: null,
      anew: null,
      traced: null,
      began_at: now,
      done_at: null,
      undone_at: null,
    },
  };
}

/** The fields of a line about a run. */
export function aboutRun({ plan, id, conversation }: Run): object {
  return { saga: plan.name, id, conversation };
}
