import type { Codec } from "../codec/codec.ts";
import { type AnyContract, type Event, eventsOf } from "../contract/contract.ts";
import type { Method } from "../contract/method.ts";
import type { Principal } from "../principal.ts";
import { checkUndo } from "../reaction/check.ts";
import type { Undo } from "../reaction/undo-types.ts";
import { checkRetry, type RetryPolicy } from "../retry/policy.ts";
import { checkSchedules, type Schedule } from "../schedule/schedule.ts";
import type { Store } from "../store.ts";
import { maxPrefetch } from "../transport.ts";
import { wholeNumber } from "../whole-number.ts";
import type { HandlerContext, Raise, Uses } from "./context.ts";
import type { Middleware } from "./middleware.ts";

/** One function per method of the contract. What it returns is validated; what it throws becomes a fault. */
export type Handlers<C extends AnyContract, U, D = undefined> = {
  readonly [K in keyof C["methods"]]: C["methods"][K] extends Method<any, infer I, infer O, infer E, infer A>
    ? (
        input: Side<I, "out">,
        context: HandlerContext<C, U, D> & { readonly fail: Raise<E> } & Admitted<A>,
      ) => Result<Side<O, "in">>
    : never;
};
/** Where the contract asks for a principal, a handler only runs with one. */
type Admitted<A> = [A] extends ["anyone"] ? unknown : { readonly principal: Principal };
type Side<T, K extends "in" | "out"> = T extends Readonly<Record<K, infer V>> ? V : never;
type Result<T> = Promise<T> | T;

type EventsOf<C> = C extends AnyContract ? C["events"][keyof C["events"]] : never;
type Known<C, U> = EventsOf<C> | EventsOf<U[keyof U]>;
type EventTable<C, U> = {
  [E in Known<C, U> as E extends Event<infer N, any, any> ? N : never]: E extends Event<any, any, infer O>
    ? O
    : never;
};

/** What a service does on an event, at least once per message. */
export type Reaction<E, X, T = any> =
  | ((event: E, context: X) => unknown)
  | ReactionOptions<E, X, T, unknown, keyof T>;

/** `T` are the events there are, `R` is what `run` returns, `K` are the events that undo it. */
export interface ReactionOptions<E, X, T = any, R = unknown, K extends keyof T = keyof T> {
  readonly run: (event: E, context: X) => R;
  /**
   * How it is undone, by the event on which that is to be done: once, where `run` had happened or may have, and what it
   * had not begun by then is not run any more. Needs a store, whose journal knows what was done. What `undo` changes
   * there and emits happens once. A failing `undo` is tried again like a reaction, and then a dead letter (`undo-failed`).
   * Where `on` is a function, the `react` that it gets tells `done` what `run` returns.
   */
  readonly undo?: Undo<E, X, Pick<T, K>, R>;
  /**
   * What belongs together: an event undoes what was done under the same text. Asked about the event of `run` and about
   * those in `undo`. A text stands for one process, such as an order: after its undo nothing is run under it any more.
   * Necessary where one request leads to several of them, or an event that undoes comes from another request.
   * @default the conversation
   */
  key?(event: E | T[K]): string;
  /**
   * What is to be done when `run` is given up: its tries are over, or another is of no use. Once, in a transaction with
   * what it changes and emits, such as the event on which others undo what they did. Then the message is a dead letter
   * (`given-up`), which is for reading: a replay does not run it any more. Needs a store. Where `gaveUp` itself fails
   * it is tried again by the same `retry`. Not for what never reached `run`, such as an event that is not valid.
   */
  readonly gaveUp?: (event: E, context: X & { readonly error: Error }) => unknown;
  /** `group`: one instance of the service gets each event. `every-instance`: each running instance does; those that are down miss it. @default "group" */
  readonly to?: "group" | "every-instance";
  /**
   * Keeps the order in which the broker got the events: those for which the function returns the same text run one
   * after the other, also when they are events of different names; `true` means one order for all reactions that say
   * so. One instance of the service at a time has them all. A failed one is tried again in place, and what has its key
   * waits; retries that would begin more than 15 minutes after the first try are not made. Once it is a dead letter the
   * next one runs. Not for `every-instance`.
   */
  readonly inOrder?: true | ((event: E) => string);
  /** When it fails. @default the service's `retry` */
  readonly retry?: RetryPolicy;
  /**
   * How long it may take, in milliseconds. Then its signal is aborted and it counts as failed, since it would hold its
   * place among those worked on for ever. RabbitMQ itself takes a message back after 30 minutes. @default 60_000
   */
  readonly timeoutMs?: number;
  /**
   * Which of the service's own events `run`, `undo` and `gaveUp` may emit, by their names in the contract: `["shipped", "failed"]`. Emitting
   * another one there fails. What the map of the system (`mapOf`, `warren map`) shows is exact then; without it, the map
   * takes a reaction to be able to emit every event of its service.
   */
  readonly emits?: readonly Emittable<X>[];
}

/** Gives a reaction back as it is; its types let each `undo` know what `run` returns. */
export type React<X, T> = <E, R, K extends keyof T = never>(
  options: ReactionOptions<E, X, T, R, K>,
) => ReactionOptions<E, X, T, R, K>;

/** The names of the events that a context can emit. */
type Emittable<X> = 0 extends 1 & X
  ? string
  : X extends { readonly emit: infer E }
    ? keyof E & string
    : never;

export type Reactions<C extends AnyContract, U, D = undefined> = [Known<C, U>] extends [never]
  ? { readonly [none: string]: never }
  : {
      readonly [N in keyof EventTable<C, U>]?: Reaction<
        EventTable<C, U>[N],
        HandlerContext<C, U, D>,
        EventTable<C, U>
      >;
    };

/**
 * Reactions by the event. As a function it is called once, when the service is defined:
 * `on: (react) => ({ "orders.placed": react({ run: …, undo: { "payments.declined": (event, { done }) => … } }) })`.
 */
export type On<C extends AnyContract, U, D = undefined> =
  | Reactions<C, U, D>
  | ((react: React<HandlerContext<C, U, D>, EventTable<C, U>>) => Reactions<C, U, D>);

export interface ServiceDefinition<C extends AnyContract, U extends Uses, D = undefined> {
  /** Contracts that this service calls or listens to: `context.call.<name>`, and the names that `on` may have. */
  readonly uses?: U;
  readonly methods: Handlers<C, U, D>;
  readonly on?: On<C, U, D>;
  /**
   * Where the service keeps its state. Each handler then has `db`, and one transaction for what it changes and emits;
   * a reaction has its effect there once for each event, however often the event is delivered.
   */
  readonly store?: Store<D>;
  /**
   * What it does at certain times, by a name for each: `{ nightly: { cron: "0 3 * * *", run: (tick, context) => … } }`. In
   * a service with a store, which remembers what was done; each time is done once, not once per instance.
   */
  readonly schedules?: Readonly<Record<string, Schedule<HandlerContext<C, U, D>>>>;
  /**
   * What its events, the calls that its handlers make and what it puts into its outbox are written in, such as
   * `messagePack` of `warren/messagepack`. Everything is read, whatever it is written in, and a call is answered in what
   * it was asked in. @default the app's
   */
  readonly codec?: Codec;
  /** Around every handler of this service, within the app's own. */
  readonly use?: readonly Middleware[];
  /** How many messages one instance works on at once, calls and events each. From 1 to 2,000. @default 100 */
  readonly concurrency?: number;
  /**
   * How the queue of its calls is kept, which lives for as long as the broker has it. `classic`: on one node of a
   * cluster, and while that one is down nobody can call the service. `quorum`: on several, so that calls go on without
   * any one of them, and each costs a write to their disks. All versions of a service have to say the same.
   * @default "classic"
   */
  readonly callQueue?: "classic" | "quorum";
  /** What happens when a reaction fails. @default ten tries over some minutes, then a dead letter */
  readonly retry?: RetryPolicy;
}

/** An implementation of a contract, to be given to `app`. */
export interface Service<C extends AnyContract = AnyContract> {
  readonly kind: "service";
  readonly contract: C;
  readonly definition: ServiceDefinition<any, any, any>;
}

export const defaultConcurrency = 100;
export const defaultReactionTimeoutMs = 60_000;

/**
 * Implements a contract. Nothing runs until the service is given to `app`.
 * @throws TypeError where a method has no handler, a handler no method, an event in `on` is not in `uses`, or a reaction
 * cannot be undone as it says
 */
export function service<C extends AnyContract, const U extends Uses = {}, D = undefined>(
  contract: C,
  given: ServiceDefinition<C, U, D>,
): Service<C> {
  const on = reactionsOf(given);
  const definition = { ...given, on: on as never } satisfies ServiceDefinition<C, U, D>;
  checkMethods(contract, definition.methods);
  checkReactions(contract, given, on);
  const { callQueue = "classic" } = definition;
  if (callQueue !== "classic" && callQueue !== "quorum")
    throw new TypeError(
      `Service "${contract.name}": callQueue is "${callQueue}"; use "classic" or "quorum".`,
    );
  wholeNumber(
    `Service "${contract.name}": concurrency`,
    definition.concurrency,
    defaultConcurrency,
    1,
    maxPrefetch,
  );
  checkRetry(`Service "${contract.name}"`, definition.retry);
  checkSchedules(contract.name, definition);
  for (const [id, reaction] of Object.entries(on)) {
    checkRetry(`Service "${contract.name}" on "${id}"`, reaction.retry);
    wholeNumber(
      `Service "${contract.name}" on "${id}": timeoutMs`,
      reaction.timeoutMs,
      defaultReactionTimeoutMs,
    );
    checkOrder(`Service "${contract.name}" on "${id}"`, reaction);
    checkEmits(`Service "${contract.name}" on "${id}"`, contract, reaction);
  }
  return { kind: "service", contract, definition };
}

function reactionsOf({ on }: ServiceDefinition<any, any, any>): AnyReactions {
  return (typeof on === "function" ? on((options) => options) : (on ?? {})) as AnyReactions;
}

type AnyReactions = Readonly<Record<string, Partial<ReactionOptions<any, any>>>>;

function checkOrder(whose: string, { inOrder, to }: Partial<ReactionOptions<any, any>>): void {
  if (inOrder === undefined) return;
  if (inOrder !== true && typeof inOrder !== "function")
    throw new TypeError(`${whose}: inOrder is true, or a function that returns an event's key.`);
  if (to === "every-instance")
    throw new TypeError(
      `${whose}: "every-instance" keeps no order over instances; leave out "inOrder" or "to".`,
    );
}

function checkEmits(
  whose: string,
  contract: AnyContract,
  { emits = [] }: Partial<ReactionOptions<any, any>>,
): void {
  for (const name of emits)
    if (!Object.hasOwn(contract.events, name))
      throw new TypeError(`${whose}: emits names "${name}", which is no event of its contract.`);
}

function checkMethods(contract: AnyContract, handlers: Readonly<Record<string, unknown>>): void {
  for (const name of Object.keys(contract.methods))
    if (typeof handlers[name] !== "function")
      throw new TypeError(`Service "${contract.name}" has no handler for its method "${name}".`);
  for (const name of Object.keys(handlers))
    if (!Object.hasOwn(contract.methods, name))
      throw new TypeError(
        `Service "${contract.name}" has a handler "${name}" that its contract does not name.`,
      );
}

function checkReactions(
  contract: AnyContract,
  { uses, store }: ServiceDefinition<any, any, any>,
  on: AnyReactions,
): void {
  const known = eventsById([contract, ...Object.values((uses ?? {}) as Uses)]);
  for (const id of Object.keys(on))
    if (!known.has(id))
      throw new TypeError(
        `Service "${contract.name}" listens to "${id}", an event of no contract in its "uses".`,
      );
  checkUndo(`Service "${contract.name}"`, on, new Set(known.keys()), store !== undefined);
}

/** The events of some contracts by their ids. */
export function eventsById(contracts: readonly AnyContract[]): Map<string, Event> {
  return new Map(contracts.flatMap(eventsOf).map((event) => [event.id, event]));
}
