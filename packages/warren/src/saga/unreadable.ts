import type { AdvancingOptions } from "./advancing.ts";
import { leftOf } from "./compensating.ts";
import { aboutRun, type Run } from "./run.ts";
import { storedFault } from "./stored-fault.ts";

/**
 * Ends a run whose input its saga does not accept any more: nothing of it can be run, neither forward nor back. Where there
 * is nothing to undo it has failed; else a person has to decide.
 */
export async function endUnreadable(
  { ledger, log }: Pick<AdvancingOptions, "ledger" | "log">,
  run: Run,
  error: unknown,
): Promise<void> {
  const about = { ...aboutRun(run), err: error };
  if (run.state !== "compensating") await ledger.fail(run, undefined, error);
  const left = run.plan.stages.flatMap((stage) => leftOf(run, stage));
  for (const { name } of left) {
    const stored = storedFault(error, { saga: run.plan.name, id: run.id, step: name });
    await ledger.saveStep(run, { ...run.steps.get(name)!, state: "stuck", error: stored });
  }
  await ledger.end(run, left.length > 0 ? "stuck" : "failed");
  if (left.length === 0) return log.warn(about, "a saga failed: its input is not accepted any more");
  log.error(
    about,
    "a saga is stuck: its input is not accepted any more, so that it can neither go on nor be undone. Let the saga accept it and call app.sagas.retry, or undo by hand what was done and say so",
  );
}
