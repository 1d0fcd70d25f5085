import type { Random } from "../id.ts";
import type { Logger } from "../log.ts";
import type { Running } from "../service/running.ts";
import type { Clock } from "../time.ts";
import { undoing } from "./compensating.ts";
import type { Ledger } from "./ledger.ts";
import { outOfTime } from "./performing.ts";
import {
  finishing,
  namesOf,
  type SagaPlan,
  type SleepPlan,
  type Stage,
  type StepPlan,
  type WaitPlan,
} from "./plan.ts";
import { aboutRun, firstRow, type Run } from "./run.ts";
import { signalKey, takeSignal } from "./signals.ts";
import { failed, Interrupted, type StepOutcome, type Stepping } from "./stepping.ts";
import { toText } from "./stored-json.ts";

export interface AdvancingOptions {
  readonly ledger: Ledger;
  readonly stepping: (plan: SagaPlan) => Stepping;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly running: Running;
  /** Whether nothing more is to be begun. */
  readonly isStopping: () => boolean;
}

/** What a stage came to. `rested`: the run is given back already. */
type Outcome = StepOutcome | { readonly is: "rested" };

/** Goes on with a run as far as it goes now: to its end, or to where it waits. Each step's beginning and end are in the store before anything follows. */
export type Advance = (run: Run) => Promise<void>;

export function advancing(options: AdvancingOptions): Advance {
  const { ledger, clock, log, isStopping } = options;
  const undo = undoing(options);

  async function forward(run: Run): Promise<boolean> {
    for (const stage of run.plan.stages) {
      if (isOver(run, stage)) continue;
      if (isStopping()) throw new Interrupted();
      const late = run.deadline !== undefined && clock.now() >= run.deadline;
      const outcome: Outcome = late
        ? failed(
            unfinishedOf(run, stage),
            outOfTime(run, `it was to end ${run.plan.deadlineMs} ms after it began`),
          )
        : await pass(run, stage);
      if (outcome.is === "rested") return true;
      if (outcome.is === "later") {
        await ledger.rest(run, "running", Math.min(outcome.dueAt, run.deadline ?? outcome.dueAt));
        return true;
      }
      if (outcome.is === "failed") {
        log.warn(
          { ...aboutRun(run), step: outcome.step, err: outcome.error },
          "a saga failed, and is undone",
        );
        await ledger.fail(run, outcome.step, outcome.error);
        return false;
      }
    }
    return finish(run);
  }

  async function pass(run: Run, stage: Stage): Promise<Outcome> {
    if (stage.kind === "sleep") return sleep(run, stage);
    if (stage.kind === "wait") return wait(run, stage);
    return together(run, stage.kind === "step" ? [stage] : stage.steps);
  }

  /** All of them, also when one has failed: what is under way is to be known before anything is undone. */
  async function together(run: Run, steps: readonly StepPlan[]): Promise<Outcome> {
    const { run: step } = options.stepping(run.plan);
    const sibling = new AbortController();
    let bad: Outcome | undefined;
    const all = steps.map(async (each): Promise<Outcome> => {
      const outcome = await step(run, each, sibling.signal);
      if (outcome.is === "failed") {
        // The first one is the reason: the others may fail for being told to stop.
        bad ??= outcome;
        sibling.abort(new Error(`The step "${each.name}" beside it failed.`));
      }
      return outcome;
    });
    const settled = await Promise.allSettled(all);
    for (const each of settled) if (each.status === "rejected") throw each.reason;
    const outcomes = settled.flatMap((each) => (each.status === "fulfilled" ? each.value : []));
    if (bad !== undefined) return bad;
    const dueAts = outcomes.flatMap((each) => (each.is === "later" ? each.dueAt : []));
    return dueAts.length === 0 ? { is: "done" } : { is: "later", dueAt: Math.min(...dueAts) };
  }

  async function sleep(run: Run, { name, ms }: SleepPlan): Promise<Outcome> {
    const now = clock.now();
    let row = run.steps.get(name);
    if (row === undefined) {
      let lasts: number;
      try {
        lasts = typeof ms === "number" ? ms : ms(told(run));
        if (!Number.isFinite(lasts)) throw new TypeError(`Step "${name}" sleeps for ${lasts} ms.`);
      } catch (error) {
        return failed(name, error);
      }
      row = firstRow(name, "waiting", now, now + Math.max(0, Math.ceil(lasts)));
    }
    if (row.due_at! <= now) {
      await ledger.saveStep(run, { ...row, state: "done", done_at: now });
      return { is: "done" };
    }
    await ledger.saveStep(run, row);
    await ledger.rest(run, "waiting", Math.min(row.due_at!, run.deadline ?? row.due_at!));
    return { is: "rested" };
  }

  async function wait(run: Run, stage: WaitPlan): Promise<Outcome> {
    const now = clock.now();
    const { name, timeoutMs, event } = stage;
    const until = timeoutMs === undefined ? null : now + timeoutMs;
    const row = run.steps.get(name) ?? firstRow(name, "waiting", now, until);
    let key: string;
    try {
      key = signalKey(run.plan.name, name, "equals", stage.equals(told(run)));
    } catch (error) {
      return failed(name, error);
    }
    const found = await takeSignal(ledger, run, stage, { step: row, key, now });
    if (found === "taken") return { is: "done" };
    if (found === "waiting") return { is: "rested" };
    return failed(name, outOfTime(run, `${event.id} did not come within ${timeoutMs} ms (step "${name}")`));
  }

  async function finish(run: Run): Promise<boolean> {
    let output: string | undefined;
    try {
      output = toText(await run.plan.finish(told(run)), finishing);
    } catch (error) {
      log.warn({ ...aboutRun(run), err: error }, "a saga could not be finished, and is undone");
      await ledger.fail(run, finishing, error);
      return false;
    }
    await ledger.end(run, "done", output);
    return true;
  }

  return async function advance(run) {
    if (run.state !== "compensating" && (await forward(run))) return;
    await undo(run);
  };
}

function isOver(run: Run, stage: Stage): boolean {
  return namesOf(stage).every((name) => run.steps.get(name)?.done_at != null);
}

/** Of what is beside each other: the first that has not ended. */
function unfinishedOf(run: Run, stage: Stage): string | undefined {
  return namesOf(stage).find((name) => run.steps.get(name)?.done_at == null);
}

function told({ id, input, done }: Run): object {
  return { id, input, done };
}
