import { type AnyContract, type Event, isServiceName } from "../contract/contract.ts";
import type { In, Out, Schema } from "../contract/schema.ts";
import { checkRetry, type RetryPolicy } from "../retry/policy.ts";
import type { Uses } from "../service/context.ts";
import { eventsById } from "../service/service.ts";
import type { Store } from "../store.ts";
import { wholeNumber } from "../whole-number.ts";
import type { EventsOf, SagaContext, StepOptions } from "./context.ts";
import { namesOf, reservedNames, type SagaPlan, type Stage, type StepPlan } from "./plan.ts";
import { shapeOf, versionOf } from "./shape.ts";

export interface SagaDefinition<S, U, D> {
  /** What a run is begun with. It is kept as JSON, so the schema has to accept its own output. */
  readonly input: S;
  /** Contracts that steps call, and whose events are waited for. */
  readonly uses?: U;
  /** Where runs are kept. Steps get its client as `db`. */
  readonly store: Store<D>;
  /** How long a run may take to its last step, in milliseconds; then what is done is undone. @default no limit */
  readonly deadlineMs?: number;
  /** When a step fails in a way that may pass. @default ten tries over some minutes, then what is done is undone */
  readonly retry?: RetryPolicy;
  /** When an undo fails. After its last try the run is `stuck`, until somebody has it tried again. @default twenty tries over some hours */
  readonly undoRetry?: RetryPolicy;
  /**
   * To be changed with what the steps do, where runs under way must not go on with the new. Adding, removing, renaming
   * and moving steps is noticed without it. @default none
   */
  readonly version?: string;
  /** How long after a process died another one goes on with its runs, in milliseconds. @default 15_000 */
  readonly leaseMs?: number;
  /** How long an ended run is kept, in milliseconds: until then its id gives its result. @default 30 days */
  readonly keepMs?: number;
}

/** A process described in one place, to be given to `app`. Made by `saga`. */
export interface Saga<I = any, O = any> {
  readonly kind: "saga";
  readonly name: string;
  /** The version that its runs keep to: of its steps and their order, and of `version`. */
  readonly version: string;
  readonly plan: SagaPlan;
  /** Types only; absent at run time. */
  readonly "~types"?: { readonly in: I; readonly out: O };
}

/** What a run is begun with. */
export type SagaInput<S> = S extends Saga<infer I, any> ? I : never;
/** What a run gives. */
export type SagaOutput<S> = S extends Saga<any, infer O> ? O : never;

export interface WaitOptions<I, R, E> {
  /** Of an event, what tells for which runs it is. */
  readonly key: (event: E) => string;
  /** Of a run, what the event's key has to be. @default the id of the run */
  readonly equals?: (context: SagaContext<I, R>) => string;
  /** How long to wait, in milliseconds; then what is done is undone. @default as long as the run may take */
  readonly timeoutMs?: number;
  /** How long before the run waits the event may have come, in milliseconds. 0 takes only what comes from then on. @default a day */
  readonly earlyMs?: number;
}

type EventTable<U> = {
  [E in EventsOf<U[keyof U]> as E extends Event<infer N, any, any> ? N : never]: E extends Event<
    any,
    any,
    infer O
  >
    ? O
    : never;
};
/** A name that no step has yet. */
type Fresh<N, R> = N extends keyof R ? never : N;

/**
 * A saga in the making: each member adds a stage behind the others. `R` is what is done before, by the names of steps. What
 * a step returns is kept as JSON, and later steps get it as it was kept: dates, bigints and binary data come back.
 */
export interface SagaBuilder<S, U, D, R> {
  /**
   * Something to do, and how to undo it. `do` may run more than once: after a failure that may pass, and after a process
   * died in it. `undo` runs, last step first, where `do` ran or may have run, and a later step failed for good.
   * @throws TypeError for a name that another step has, that cannot be part of a key, or that is Warren's own (`finish`, `undo`)
   */
  step<const N extends string, T>(
    name: N & Fresh<N, R>,
    step: StepOptions<Out<S>, R, U, D, T>,
  ): SagaBuilder<S, U, D, R & { readonly [K in N]: Awaited<T> }>;
  /**
   * Steps that run at the same time: `parallel((all) => all.step("pay", …).step("pack", …))`. When one of them fails for
   * good, the signals of the others are aborted, they are waited for, and all are undone.
   */
  parallel<P>(
    steps: (all: ParallelBuilder<S, U, D, R, {}>) => ParallelBuilder<S, U, D, R, P>,
  ): SagaBuilder<S, U, D, R & P>;
  /** Waits for an event of a contract in `uses`, and gives it. All runs that it is for get it, also when it came before. */
  waitFor<const N extends string, const E extends keyof EventTable<U> & string>(
    name: N & Fresh<N, R>,
    event: E,
    options: WaitOptions<Out<S>, R, EventTable<U>[E]>,
  ): SagaBuilder<S, U, D, R & { readonly [K in N]: EventTable<U>[E] }>;
  /** Goes on so many milliseconds later, in whatever process there is then. */
  sleep<const N extends string>(
    name: N & Fresh<N, R>,
    ms: number | ((context: SagaContext<Out<S>, R>) => number),
  ): SagaBuilder<S, U, D, R & { readonly [K in N]: undefined }>;
  /** Ends the saga; what the function returns is what a run gives. Where it throws, what is done is undone. */
  finish<T = undefined>(finish?: (context: SagaContext<Out<S>, R>) => T): Saga<In<S>, Awaited<T>>;
}

/** Steps that run at the same time; none has what another of them gives. */
export interface ParallelBuilder<S, U, D, R, P> {
  /** @throws TypeError for a name that another step has, that cannot be part of a key, or that is Warren's own (`finish`, `undo`) */
  step<const N extends string, T>(
    name: N & Fresh<N, R & P>,
    step: StepOptions<Out<S>, R, U, D, T>,
  ): ParallelBuilder<S, U, D, R, P & { readonly [K in N]: Awaited<T> }>;
  /** The steps, by their names; types only. */
  readonly "~steps"?: P;
}

const defaultStepTimeoutMs = 60_000;
const defaultUndoRetry: RetryPolicy = { attempts: 20, baseMs: 1_000, capMs: 900_000 };
const defaultLeaseMs = 15_000;
const dayMs = 86_400_000;
const longestMs = Number.MAX_SAFE_INTEGER;

/**
 * Begins a saga: what is done in several services, in one order, and how it is undone where it cannot be done to its end.
 * Nothing runs until it is given to `app`.
 * @throws TypeError for a name that queues cannot have, and for options that mean nothing
 */
export function saga<S extends Schema<any, any>, const U extends Uses = {}, D = unknown>(
  name: string,
  definition: SagaDefinition<S, U, D>,
): SagaBuilder<S, U, D, {}> {
  if (!isServiceName(name))
    throw new TypeError(
      `Saga name "${name}": use lower-case letters, digits and "-", starting with a letter.`,
    );
  if (definition.store === undefined)
    throw new TypeError(`Saga "${name}" has no store; its runs would not survive a restart.`);
  const whose = `Saga "${name}"`;
  checkRetry(whose, definition.retry);
  checkRetry(`${whose}: undoRetry`, definition.undoRetry);
  if (definition.deadlineMs !== undefined)
    wholeNumber(`${whose}: deadlineMs`, definition.deadlineMs, 0, 1, longestMs);
  wholeNumber(`${whose}: leaseMs`, definition.leaseMs, defaultLeaseMs, 100);
  wholeNumber(`${whose}: keepMs`, definition.keepMs, 30 * dayMs, 0, longestMs);
  return builder(name, definition as SagaDefinition<any, any, any>, []) as never;
}

/** @throws TypeError: without types, `saga(…).step(…)` looks like a saga, and is none yet */
export function checkFinished(given: Saga, where: string): void {
  if ((given as Partial<Saga> | undefined)?.kind !== "saga")
    throw new TypeError(`${where}: this is no saga that is finished; one ends with \`.finish()\`.`);
}

interface Gathering {
  step(name: string, options: StepOptions<any, any, any, any, any>): Gathering;
}

function builder(name: string, definition: SagaDefinition<any, any, any>, stages: readonly Stage[]): unknown {
  const events = eventsById(Object.values((definition.uses ?? {}) as Record<string, AnyContract>));
  const whose = (step: string): string => `Saga "${name}", step "${step}"`;

  function add(stage: Stage): unknown {
    const taken = new Set(stages.flatMap(namesOf));
    for (const step of namesOf(stage)) {
      if (!/^[a-zA-Z][a-zA-Z0-9_-]{0,62}$/.test(step))
        throw new TypeError(`${whose(step)}: use letters, digits, "_" and "-", starting with a letter.`);
      if (reservedNames.includes(step))
        throw new TypeError(`${whose(step)}: "${step}" is Warren's own; call it something else.`);
      if (taken.has(step)) throw new TypeError(`Saga "${name}" has two steps "${step}".`);
      taken.add(step);
    }
    return builder(name, definition, [...stages, stage]);
  }

  function stepPlan(step: string, options: StepOptions<any, any, any, any, any>): StepPlan {
    checkRetry(whose(step), options.retry);
    const timeoutMs = wholeNumber(`${whose(step)}: timeoutMs`, options.timeoutMs, defaultStepTimeoutMs);
    const { retry = definition.retry ?? {}, do: act, undo } = options;
    return { kind: "step", name: step, do: act, undo, retry, timeoutMs };
  }

  return {
    step: (step: string, options: StepOptions<any, any, any, any, any>) => add(stepPlan(step, options)),
    parallel(steps: (all: Gathering) => unknown) {
      const gathered: StepPlan[] = [];
      const all: Gathering = {
        step(step, options) {
          gathered.push(stepPlan(step, options));
          return all;
        },
      };
      steps(all);
      return add({ kind: "parallel", steps: gathered });
    },
    waitFor(step: string, eventId: string, options: WaitOptions<any, any, any>) {
      const event = events.get(eventId);
      if (event === undefined)
        throw new TypeError(`${whose(step)} waits for "${eventId}", an event of no contract in its "uses".`);
      const { key, equals = ({ id }) => id, timeoutMs, earlyMs } = options;
      if (timeoutMs !== undefined) wholeNumber(`${whose(step)}: timeoutMs`, timeoutMs, 0, 1, longestMs);
      const early = wholeNumber(`${whose(step)}: earlyMs`, earlyMs, dayMs, 0, longestMs);
      return add({ kind: "wait", name: step, event, key, equals, timeoutMs, earlyMs: early });
    },
    sleep(step: string, ms: number | ((context: any) => number)) {
      if (typeof ms === "number") wholeNumber(whose(step), ms, 0, 0, longestMs);
      return add({ kind: "sleep", name: step, ms });
    },
    finish: (finish: (context: any) => unknown = () => undefined): Saga => {
      const version = versionOf(name, shapeOf(stages), definition.version);
      return { kind: "saga", name, version, plan: planOf(name, version, definition, stages, finish) };
    },
  };
}

function planOf(
  name: string,
  version: string,
  definition: SagaDefinition<any, any, any>,
  stages: readonly Stage[],
  finish: (context: any) => unknown,
): SagaPlan {
  const { input, uses = {}, store, deadlineMs, undoRetry = defaultUndoRetry } = definition;
  const { leaseMs = defaultLeaseMs, keepMs = 30 * dayMs } = definition;
  return { name, version, input, uses, store, stages, finish, deadlineMs, undoRetry, leaseMs, keepMs };
}
