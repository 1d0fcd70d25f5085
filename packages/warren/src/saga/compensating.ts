import type { AdvancingOptions } from "./advancing.ts";
import { namesOf, type Stage, type StepPlan, stepsOf } from "./plan.ts";
import { aboutRun, type Run } from "./run.ts";
import { Interrupted, type StepOutcome } from "./stepping.ts";
import { storedFault } from "./stored-fault.ts";

/** Undoes what a run did or may have done, last stage first, the steps of a parallel stage together. */
export function undoing(options: AdvancingOptions): (run: Run) => Promise<void> {
  const { ledger, log, isStopping } = options;

  return async function undo(run) {
    for (const stage of run.plan.stages.toReversed()) {
      const left = leftOf(run, stage);
      if (left.length > 0 && isStopping()) throw new Interrupted();
      const { undo: undoStep } = options.stepping(run.plan);
      const settled = await Promise.allSettled(left.map((step) => undoStep(run, step)));
      for (const each of settled) if (each.status === "rejected") throw each.reason;
      const outcomes = settled.flatMap((each) => (each.status === "fulfilled" ? each.value : []));
      const stuck = outcomes.filter((each) => each.is === "failed");
      // Those beside one that is stuck are tried to their end first: a person is to find what is left, and no more.
      const dueAts = outcomes.flatMap((each) => (each.is === "later" ? each.dueAt : []));
      for (const outcome of stuck) await markStuck(run, outcome);
      if (dueAts.length > 0) return ledger.rest(run, "compensating", Math.min(...dueAts));
      if (leftOf(run, stage, true).length > 0) return giveUp(run, stage);
    }
    await ledger.end(run, "failed");
    log.info({ ...aboutRun(run), err: run.error }, "a saga failed, and what it did is undone");
  };

  async function markStuck(
    run: Run,
    { step, error }: StepOutcome & { readonly is: "failed" },
  ): Promise<void> {
    const stored = storedFault(error, { saga: run.plan.name, id: run.id, step });
    await ledger.saveStep(run, { ...run.steps.get(step!)!, state: "stuck", error: stored });
    log.error(
      { ...aboutRun(run), step, err: error },
      "a step of a saga cannot be undone: mend what hinders it and call app.sagas.retry, or undo it by hand and say so",
    );
  }

  async function giveUp(run: Run, stage: Stage): Promise<void> {
    await ledger.end(run, "stuck");
    log.error({ ...aboutRun(run), steps: namesOf(stage) }, "a saga is stuck half undone");
  }
}

/** The steps of a stage that are still to be undone: those that began, and have an undo. */
export function leftOf(run: Run, stage: Stage, stuck = false): readonly StepPlan[] {
  return stepsOf(stage).filter(({ name, undo }) => {
    const row = run.steps.get(name);
    if (undo === undefined || row === undefined || row.state === "undone") return false;
    return stuck ? row.state === "stuck" : row.state !== "stuck";
  });
}
