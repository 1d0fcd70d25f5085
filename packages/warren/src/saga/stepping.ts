import { isFault } from "../fault.ts";
import type { Random } from "../id.ts";
import type { Logger } from "../log.ts";
import { nextStep, type RetryPolicy } from "../retry/policy.ts";
import type { StoreRuntime } from "../store/runtime.ts";
import type { Sql } from "../store.ts";
import type { Clock } from "../time.ts";
import type { Ledger } from "./ledger.ts";
import { isInterruption, type Performance, type PerformingOptions, perform } from "./performing.ts";
import type { StepPlan } from "./plan.ts";
import { firstRow, noteStep, type Run, type StepRow } from "./run.ts";
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
  | { readonly is: "failed"; readonly step: string; readonly error: unknown };

export function failed(step: string, error: unknown): StepOutcome {
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
}

export function stepping(options: SteppingOptions): Stepping {
  const { runtime, ledger, clock, random, log, running } = options;

  /** @returns what it gave, or what it threw; committed or undone with what it did in the store */
  async function attempt(
    performance: Omit<Performance, "unit">,
    before: StepRow,
    finish: (sql: Sql, result: unknown) => Promise<void>,
  ): Promise<{ readonly error: unknown } | undefined> {
    const unit = runtime.unit();
    let result: unknown;
    try {
      result = await perform(options, { ...performance, unit });
    } catch (error) {
      await unit.rollback();
      if (!isInterruption(error, running)) return { error };
      // That try does not count.
      await ledger.saveStep(performance.run, before);
      throw new Interrupted();
    }
    // What fails from here on is the store, or the lease: nobody knows what came of it but who reads the rows again.
    try {
      await unit.commit((sql) => finish(sql, result));
    } catch (error) {
      await unit.rollback();
      if (isFault(error)) return { error };
      throw error;
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
      const begun: StepRow = {
        ...row,
        state: "running",
        attempts: row.attempts + 1,
        due_at: null,
        error: null,
      };
      await ledger.saveStep(run, begun);
      let done: StepRow = begun;
      const threw = await attempt(
        { run, step, direction: "do", attempt: begun.attempts, aborted: sibling },
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
      return failedTry(run, step, begun, threw.error, "do");
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
      const begun: StepRow = {
        ...before,
        state: "undoing",
        undo_attempts: attempts,
        due_at: null,
        error: null,
      };
      await ledger.saveStep(run, begun);
      let undone: StepRow = begun;
      const threw = await attempt({ run, step, direction: "undo", attempt: attempts }, before, (sql) => {
        undone = { ...begun, state: "undone", undone_at: clock.now() };
        return ledger.putStep(sql, run, undone);
      });
      if (threw === undefined) {
        noteStep(run, undone);
        return { is: "done" };
      }
      return failedTry(run, step, begun, threw.error, "undo");
    },
  };

  async function failedTry(
    run: Run,
    step: StepPlan,
    begun: StepRow,
    error: unknown,
    direction: "do" | "undo",
  ): Promise<StepOutcome> {
    const [policy, attempts] =
      direction === "do" ? [step.retry, begun.attempts] : [run.plan.undoRetry, begun.undo_attempts];
    const next = nextStep(policy, attempts, error, random);
    if (next.step === "give-up") return failed(step.name, next.error);
    const dueAt = clock.now() + Math.ceil(next.delayMs);
    const stored = storedFault(error, { saga: run.plan.name, id: run.id, step: step.name });
    const state = direction === "do" ? "retrying" : "undoing";
    await ledger.saveStep(run, { ...begun, state, due_at: dueAt, error: stored });
    log.warn(
      { saga: run.plan.name, id: run.id, step: step.name, attempt: attempts, retryAt: dueAt, err: error },
      direction === "do"
        ? "a step of a saga failed, and will be tried again"
        : "a step of a saga could not be undone, and will be tried again",
    );
    return { is: "later", dueAt };
  }
}
