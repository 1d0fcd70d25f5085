import type { Random } from "../id.ts";
import type { Logger } from "../log.ts";
import type { Incoming } from "../message.ts";
import { tracedAs } from "../retry/attempt.ts";
import { nextStep, type RetryPolicy } from "../retry/policy.ts";
import type { StoreRuntime } from "../store/runtime.ts";
import { OutcomeUnknown, type Sql, StoreUnreachable } from "../store.ts";
import type { Probe, Seam } from "../telemetry/probe.ts";
import type { Clock } from "../time.ts";
import { LeaseLost, type Ledger } from "./ledger.ts";
import {
  isInterruption,
  messageOf,
  operationOf,
  type Performance,
  type PerformingOptions,
  perform,
} from "./performing.ts";
import type { StepPlan } from "./plan.ts";
import { aboutRun, firstRow, noteStep, type Run, type StepRow } from "./run.ts";
import { stepCalls } from "./step-calls.ts";
import { stepKey } from "./step-key.ts";
import { storedFault } from "./stored-fault.ts";
import { toText } from "./stored-json.ts";

/** Thrown where this process ends: nothing of the run has failed, and another process goes on with it. */
export class Interrupted extends Error {
  constructor() {
    super("This process ends.");
    this.name = "Interrupted";
  }
}

/** What one try of a step came to. */
export type StepOutcome =
  | { readonly is: "done" }
  | { readonly is: "later"; readonly dueAt: number }
  | { readonly is: "failed"; readonly step: string | undefined; readonly error: unknown };

export function failed(step: string | undefined, error: unknown): StepOutcome {
  return { is: "failed", step, error };
}

/** One try of a step, or of its undo. Throws Interrupted, LeaseLost, and errors of the store; what the step throws is an outcome. */
export interface Stepping {
  run(run: Run, step: StepPlan, sibling: AbortSignal): Promise<StepOutcome>;
  undo(run: Run, step: StepPlan): Promise<StepOutcome>;
}

export interface SteppingOptions extends PerformingOptions {
  readonly runtime: StoreRuntime;
  readonly ledger: Ledger;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly probe?: Probe | undefined;
}

/** What a try of a step threw, and which calls the next one makes anew. */
interface Threw {
  readonly error: unknown;
  readonly anew: string | null;
}

function isOfTheStore(error: unknown): boolean {
  return error instanceof LeaseLost || error instanceof OutcomeUnknown || error instanceof StoreUnreachable;
}

export function stepping(options: SteppingOptions): Stepping {
  const { runtime, ledger, clock, random, log, running, scope, probe } = options;
  const seams = new Map<string, Seam | undefined>();

  /** Traced as caused by what began the run; the try before it, and what it is undone for, are linked. */
  function begin(run: Run, step: StepPlan, direction: "do" | "undo", attempt: number): Incoming {
    const message = messageOf(run, step, direction, attempt);
    if (probe === undefined) return message;
    const name = `${direction} ${step.name}`;
    const operation = operationOf(run.plan, step);
    const seam = seams.get(name) ?? probe.seam({ operation, ...(direction === "undo" && { isUndo: true }) });
    seams.set(name, seam);
    const failed =
      direction === "undo" ? [...run.steps.values()].filter(({ state }) => state === "failed") : [];
    const causes = [run.steps.get(step.name)?.traced, ...failed.map(({ traced }) => traced)];
    return seam.begin(message, causes);
  }

  /** A try that cannot be written down is not made: it ends here, and whoever reads the rows again makes another. */
  async function saveBegun(run: Run, begun: StepRow, { work }: Incoming): Promise<void> {
    try {
      await ledger.saveStep(run, begun);
    } catch (error) {
      work?.fail(error);
      work?.end();
      throw error;
    }
  }

  /** Committed, or undone, with what it did in the store. @returns what it threw, and what is kept of its calls then */
  async function attempt(
    performance: Omit<Performance, "unit" | "calls">,
    before: StepRow,
    finish: (sql: Sql, result: unknown) => Promise<void>,
  ): Promise<Threw | undefined> {
    const { run, step, direction } = performance;
    const unit = runtime.unit();
    const calls = stepCalls(scope.caller, stepKey(run, step.name), direction, before.anew);
    const threw = (error: unknown): Threw => ({ error, anew: calls.anewAfter(error) });
    const { work } = performance.message;
    let result: unknown;
    try {
      result = await perform(options, { ...performance, unit, calls });
    } catch (error) {
      work?.fail(error);
      work?.end();
      await unit.rollback();
      if (!isInterruption(error, running)) return threw(error);
      // That try does not count.
      await ledger.saveStep(run, before);
      throw new Interrupted();
    }
    try {
      await unit.commit((sql) => finish(sql, result));
    } catch (error) {
      work?.fail(error);
      await unit.rollback();
      // Nothing of the step's own: who reads the rows again knows what came of it.
      if (isOfTheStore(error)) throw error;
      return threw(error);
    } finally {
      work?.end();
    }
    return undefined;
  }

  /** A try that its process did not survive is one too: a step that ends its process shall not do so for ever. */
  function diedOften(policy: RetryPolicy, row: StepRow, attempts: number, step: StepPlan): Error | undefined {
    if (attempts === 0 || row.state === "retrying" || row.error !== null) return undefined;
    const most = policy.attempts ?? 10;
    if (attempts < most) return undefined;
    return new Error(
      `"${step.name}" was begun ${attempts} times, and each time the process that did it ended.`,
    );
  }

  return {
    async run(run, step, sibling) {
      const now = clock.now();
      const before = run.steps.get(step.name);
      if (before?.done_at != null) return { is: "done" };
      if (before?.due_at != null && before.due_at > now) return { is: "later", dueAt: before.due_at };
      // What has not begun need not be undone.
      if (sibling.aborted) return { is: "later", dueAt: now };
      const row = before ?? firstRow(step.name, "running", now, null);
      const died = diedOften(step.retry, row, row.attempts, step);
      if (died !== undefined) return failed(step.name, died);
      const message = begin(run, step, "do", row.attempts + 1);
      const begun: StepRow = {
        ...row,
        traced: tracedAs(message) ?? null,
        state: "running",
        attempts: row.attempts + 1,
        due_at: null,
        error: null,
      };
      await saveBegun(run, begun, message);
      let done: StepRow = begun;
      const threw = await attempt(
        { run, step, direction: "do", attempt: begun.attempts, message, aborted: sibling },
        row,
        (sql, value) => {
          const result = toText(value, `step "${step.name}"`) ?? null;
          done = { ...begun, state: "done", result, done_at: clock.now() };
          return ledger.putStep(sql, run, done);
        },
      );
      if (threw === undefined) {
        noteStep(run, done);
        return { is: "done" };
      }
      return failedTry(run, step, begun, threw, "do");
    },

    async undo(run, step) {
      const now = clock.now();
      const before = run.steps.get(step.name)!;
      if (before.state === "undoing" && before.due_at != null && before.due_at > now)
        return { is: "later", dueAt: before.due_at };
      const policy = run.plan.undoRetry;
      if (before.state === "undoing") {
        const died = diedOften(policy, before, before.undo_attempts, step);
        if (died !== undefined) return failed(step.name, died);
      }
      const attempts = before.undo_attempts + 1;
      const message = begin(run, step, "undo", attempts);
      const begun: StepRow = {
        ...before,
        traced: tracedAs(message) ?? null,
        state: "undoing",
        undo_attempts: attempts,
        due_at: null,
        error: null,
      };
      await saveBegun(run, begun, message);
      let undone: StepRow = begun;
      const threw = await attempt(
        { run, step, direction: "undo", attempt: attempts, message },
        before,
        (sql) => {
          undone = { ...begun, state: "undone", undone_at: clock.now() };
          return ledger.putStep(sql, run, undone);
        },
      );
      if (threw === undefined) {
        noteStep(run, undone);
        return { is: "done" };
      }
      return failedTry(run, step, begun, threw, "undo");
    },
  };

  async function failedTry(
    run: Run,
    step: StepPlan,
    begun: StepRow,
    { error, anew }: Threw,
    direction: "do" | "undo",
  ): Promise<StepOutcome> {
    const [policy, attempts] =
      direction === "do" ? [step.retry, begun.attempts] : [run.plan.undoRetry, begun.undo_attempts];
    const next = nextStep(policy, attempts, error, random);
    if (next.step === "give-up") {
      // Kept with whatever is written of the step next.
      noteStep(run, { ...begun, anew });
      return failed(step.name, next.error);
    }
    const dueAt = clock.now() + Math.ceil(next.delayMs);
    const stored = storedFault(error, { saga: run.plan.name, id: run.id, step: step.name });
    const state = direction === "do" ? "retrying" : "undoing";
    await ledger.saveStep(run, { ...begun, state, due_at: dueAt, error: stored, anew });
    probe?.retried(run.plan.name, operationOf(run.plan, step).id);
    log.warn(
      { ...aboutRun(run), step: step.name, attempt: attempts, retryAt: dueAt, err: error },
      direction === "do"
        ? "a step of a saga failed, and will be tried again"
        : "a step of a saga could not be undone, and will be tried again",
    );
    return { is: "later", dueAt };
  }
}
