import type { AnyContract, Event } from "./contract/contract.ts";
import type { Method } from "./contract/method.ts";
import type { Health } from "./health/health.ts";
import type { Random } from "./id.ts";
import type { Logger } from "./log.ts";
import type { Joined, StoreTransaction } from "./outbox/sends.ts";
import type { Principal } from "./principal.ts";
import type { Call, CallOptions, Client, EveryClient, FaultOf } from "./rpc/client.ts";
import type { CallMiddleware } from "./rpc/outgoing.ts";
import type { BeginOptions } from "./saga/host.ts";
import type { Saga, SagaInput, SagaOutput } from "./saga/saga.ts";
import type { SagaRuns } from "./saga/sagas.ts";
import type { WaitingOptions } from "./saga/waiting.ts";
import type { Context } from "./service/context.ts";
import type { Middleware } from "./service/middleware.ts";
import type { Service } from "./service/service.ts";
import type { Retention } from "./store/retention.ts";
import type { Sql, Store } from "./store.ts";
import type { Clock } from "./time.ts";
import type { Transport } from "./transport.ts";

export interface AppOptions {
  readonly transport: Transport;
  /** What runs in this process. Splitting or merging processes changes only this list. */
  readonly services?: readonly Service<any>[];
  /**
   * What this process begins, and goes on with: sagas, also several versions of one while runs of the older are under way.
   * A saga that waits for events hears them as a service of its name does.
   */
  readonly sagas?: readonly Saga[];
  /** Further contracts that this process knows without running them: a gateway makes routes of them. */
  readonly contracts?: readonly AnyContract[];
  /** Stores that no service names: those of `transaction` and `join` in a process that runs no service on them. */
  readonly stores?: readonly Store<any>[];
  /** Around every handler of every service. */
  readonly use?: readonly Middleware[];
  /** Around each call this process makes, except those to every instance. */
  readonly outgoing?: readonly CallMiddleware[];
  /** Which version of your code this is: written on dead letters. @default none */
  readonly version?: string;
  /** @default lines of JSON to standard output, secrets redacted: `plainLogger` of `warren/logs` */
  readonly log?: Logger;
  /** How long `stop` waits for work under way, in milliseconds. @default 10_000 */
  readonly drainMs?: number;
  readonly limits?: Partial<Limits>;
  /** How long the stores of this process keep what they keep to do things once. */
  readonly retention?: Partial<Retention>;
  readonly clock?: Clock;
  readonly random?: Random;
}

export interface Limits {
  /** Calls waiting for an answer; beyond it a call fails with OVERLOADED. @default 10_000 */
  readonly calls: number;
  /** What the inputs of those calls may take together, encoded, in bytes; beyond it OVERLOADED. @default 256 MiB */
  readonly callBytes: number;
  /**
   * Handlers that run on after their deadline since they do not heed their `signal`; beyond it nothing is begun, and fails
   * with OVERLOADED. @default 1_000
   */
  readonly abandoned: number;
}

export interface EmitOptions {
  /** On whose behalf. */
  readonly principal?: Principal;
}

export interface Subscription {
  /** Takes no further event; resolves when those under way are done. */
  stop(): Promise<void>;
}

/** One process: its transport, the services it runs and the clients it hands out. Made by `app`. */
export interface App extends AsyncDisposable {
  /** The id of this process, and of the one instance of each service in it. */
  readonly instance: string;
  /** The contracts of `services` and `contracts`, each once. */
  readonly contracts: readonly AnyContract[];
  readonly log: Logger;
  readonly clock: Clock;

  /** A typed client; any instance of the service may answer. Usable once the app has started. */
  client<C extends AnyContract>(contract: C): Client<C>;
  /** A client whose calls go to every running instance. */
  every<C extends AnyContract>(contract: C): EveryClient<C>;
  /** Calls a method that is known only at run time, by its contract's value. What a client does, without the types of one. */
  call<M extends Method>(
    method: M,
    input: unknown,
    options?: CallOptions,
  ): Call<MethodOutput<M>, MethodFaults<M>>;
  /**
   * Publishes an event. Resolves when the broker has it on the way to every subscribing service.
   * @throws Fault INVALID_EVENT, UNAVAILABLE, OVERLOADED, TOO_LARGE
   */
  emit<E extends Event>(
    event: E,
    data: E extends Event<any, infer I, any> ? I : never,
    options?: EmitOptions,
  ): Promise<void>;
  /**
   * Hears an event in this process as long as it runs, beside whatever services do on it: for pushing to clients that
   * are connected here. Nothing is kept while this process is away, and a handler that fails is only logged.
   */
  subscribe<E extends Event>(
    event: E,
    handle: (data: E extends Event<any, any, infer O> ? O : never, context: Context) => unknown,
  ): Promise<Subscription>;

  /**
   * Begins a run of a saga, or joins the one of that id, and waits for what it gives: also where another process goes on
   * with it, and after a restart. Its steps survive this process; only the waiting does not.
   * @throws the fault that made it fail, once all is undone; Fault INVALID_INPUT, KEY_REUSED (begun with another input
   * before), SAGA_STUCK, SAGA_CHANGED, and TIMEOUT, CANCELLED, STOPPED where the waiting ends and the run goes on
   */
  run<S extends Saga>(
    saga: S,
    input: SagaInput<S>,
    options: BeginOptions & WaitingOptions,
  ): Promise<SagaOutput<S>>;
  /**
   * The same without waiting: resolves when the run is in the store. In a handler there is `context.begin`, which commits
   * with what the handler changes.
   * @throws Fault INVALID_INPUT, KEY_REUSED, STOPPED
   */
  begin<S extends Saga>(saga: S, input: SagaInput<S>, options: BeginOptions): Promise<void>;
  /** Where runs are, and what to do with those that are stuck. */
  readonly sagas: SagaRuns;

  /**
   * Runs `work` in a transaction on a store of this app: what it changes and what it sends commit together when it
   * resolves, and are undone when it throws. Sent right after.
   * @throws TypeError for a store that is none of this app's; whatever `work` throws; Error of the driver
   */
  transaction<D, T>(store: Store<D>, work: (transaction: StoreTransaction<D>) => Promise<T>): Promise<T>;
  /**
   * For a transaction that the application begins and ends itself: what is sent by the result is written through `sql`,
   * and commits with the rest. Call `committed()` on it after the commit, and it is sent at once.
   * @throws TypeError for a store that is none of this app's
   */
  join(store: Store<any>, sql: Sql): Joined;

  /**
   * Connects, declares, consumes. Resolves when every service of this process takes messages.
   * @throws Fault UNAVAILABLE when no broker answers in time
   */
  start(): Promise<void>;
  /**
   * Takes no more work, finishes what runs within `drainMs`, then disconnects. What is not done by then is interrupted
   * and given back, within 2 seconds more. Idempotent.
   */
  stop(options?: { readonly drainMs?: number }): Promise<void>;
  /**
   * Whether this process can do its work now: started and not about to stop, connected, consuming, every store reachable.
   * A database is asked once a second at the most, however often this is called. Never rejects.
   */
  health(): Promise<Health>;
  /**
   * From now on `health` is not ready, and all else goes on: who sends work hereto shall look elsewhere before it ends.
   * `runUntilSignal` does this first. Idempotent.
   */
  retire(): void;
  /** Runs when all else has stopped, as the last thing that `stop` waits for. What it throws is logged. */
  onStopped(run: () => unknown): void;
}

type MethodOutput<M> = M extends Method<any, any, { readonly out: infer O }, any> ? O : never;
type MethodFaults<M> = M extends Method<any, any, any, infer E> ? FaultOf<E> : never;
