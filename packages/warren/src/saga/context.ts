import type { AnyContract, Event } from "../contract/contract.ts";
import type { Fault } from "../fault.ts";
import type { Logger } from "../log.ts";
import type { Send } from "../outbox/sending.ts";
import type { Principal } from "../principal.ts";
import type { RetryPolicy } from "../retry/policy.ts";
import type { Clients } from "../service/context.ts";

/** The events of a contract, any of them. */
export type EventsOf<C> = C extends AnyContract ? C["events"][keyof C["events"]] : never;

/** What a run knows of itself. */
export interface SagaContext<I, R> {
  /** The run's id, which whoever began it chose. */
  readonly id: string;
  readonly input: I;
  /** What the steps before gave, by their names. */
  readonly done: R;
}

/** What a step is told. */
export interface StepContext<I, R, U, D> extends SagaContext<I, R> {
  /**
   * Typed clients. Their calls carry a key made of the step's, so that a service with a store answers a second one, after a
   * crash or a lost answer, with what it answered the first time. Only the call whose declared fault ended a try is made
   * anew by the next one. Calls of idempotent methods carry none, nor do those to
   * a service that keeps no answers: there, `key` belongs into the input, or doing it twice has to be harmless.
   */
  readonly call: Clients<U>;
  /** Calls to be made, once the step is done: each until it is answered, under one key. Their answers are not waited for. */
  readonly send: Send<U>;
  /**
   * Publishes an event of a contract in `uses`, once the step is done.
   * @throws TypeError for another event, Fault INVALID_EVENT, TOO_LARGE
   */
  readonly emit: <E extends EventsOf<U[keyof U]>>(
    event: E,
    data: E extends Event<any, infer V, any> ? V : never,
  ) => Promise<void>;
  /** The application's client of the saga's store. What it changes commits with the step's end, or not at all. */
  readonly db: D;
  /**
   * `<saga>/<id>/<step>`: the same for each try of `do`, and for its undo. Where that is longer than 160 characters, a hash
   * stands for it behind the saga's name.
   */
  readonly key: string;
  /** 1 the first time, of `do` and of `undo`. */
  readonly attempt: number;
  /** When the step is given up, in milliseconds since the epoch. */
  readonly deadline: number;
  /** Shared by all that the run causes, and by what it was begun in. */
  readonly conversation: string;
  /** On whose behalf the run was begun. */
  readonly principal: Principal | undefined;
  /** Aborted at the deadline, when a parallel step has failed for good, and when the app stops and its drain time is over. */
  readonly signal: AbortSignal;
  readonly log: Logger;
}

export interface UndoContext<I, R, U, D, T> extends StepContext<I, R, U, D> {
  /** What `do` returned; `undefined` where it is not known to have ended well. */
  readonly result: T | undefined;
  /** Whether `do` is known to have ended well. What it did through `db` is there exactly then; of calls, nobody knows. */
  readonly completed: boolean;
  /** Why the run failed: the fault that whoever waits for it gets. For telling others, such as a customer. */
  readonly error: Fault;
}

export interface StepOptions<I, R, U, D, T> {
  readonly do: (context: StepContext<I, R, U, D>) => T;
  readonly undo?: (context: UndoContext<I, R, U, D, Awaited<T>>) => unknown;
  /** When `do` fails. @default the saga's */
  readonly retry?: RetryPolicy;
  /** How long one try of `do` or `undo` may take, in milliseconds. @default 60_000 */
  readonly timeoutMs?: number;
}
