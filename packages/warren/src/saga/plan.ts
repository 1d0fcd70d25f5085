import type { Event } from "../contract/contract.ts";
import type { Schema } from "../contract/schema.ts";
import type { RetryPolicy } from "../retry/policy.ts";
import type { Uses } from "../service/context.ts";
import type { Store } from "../store.ts";

// A saga as it is run: what the builder in `saga.ts` gathers, without its types.

export interface StepPlan {
  readonly kind: "step";
  readonly name: string;
  readonly do: (context: any) => unknown;
  readonly undo: ((context: any) => unknown) | undefined;
  readonly retry: RetryPolicy;
  readonly timeoutMs: number;
}

/** Steps that run at the same time. The next stage begins when all of them are done. */
export interface ParallelPlan {
  readonly kind: "parallel";
  readonly steps: readonly StepPlan[];
}

export interface WaitPlan {
  readonly kind: "wait";
  readonly name: string;
  readonly event: Event;
  readonly key: (event: any) => string;
  readonly equals: (context: any) => string;
  readonly timeoutMs: number | undefined;
  readonly earlyMs: number;
}

export interface SleepPlan {
  readonly kind: "sleep";
  readonly name: string;
  readonly ms: number | ((context: any) => number);
}

export type Stage = StepPlan | ParallelPlan | WaitPlan | SleepPlan;

export interface SagaPlan {
  readonly name: string;
  readonly input: Schema<any, any>;
  readonly uses: Uses;
  readonly store: Store<any>;
  readonly stages: readonly Stage[];
  readonly finish: (context: any) => unknown;
  /** What a run keeps to: see `shape.ts`. */
  readonly version: string;
  readonly deadlineMs: number | undefined;
  readonly undoRetry: RetryPolicy;
  readonly leaseMs: number;
  readonly keepMs: number;
}

/** Stands for the end of a saga where a step would stand that failed; no step has this name. */
export const finishing = "finish";
/** No step has them: the one stands for the end, the other is part of the keys of calls. */
export const reservedNames: readonly string[] = [finishing, "undo"];

/** The steps of a stage that something is done in. */
export function stepsOf(stage: Stage): readonly StepPlan[] {
  if (stage.kind === "step") return [stage];
  return stage.kind === "parallel" ? stage.steps : [];
}

export function namesOf(stage: Stage): readonly string[] {
  return stage.kind === "parallel" ? stage.steps.map(({ name }) => name) : [stage.name];
}
