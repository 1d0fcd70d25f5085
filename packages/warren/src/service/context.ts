import type { AnyContract, Event } from "../contract/contract.ts";
import type { ErrorIn, ErrorOut } from "../contract/method.ts";
import type { Fault } from "../fault.ts";
import type { Logger } from "../log.ts";
import type { Later, Send } from "../outbox/sending.ts";
import type { InLane } from "../outbox/writer.ts";
import type { Principal } from "../principal.ts";
import type { Client } from "../rpc/client.ts";
import type { Saga, SagaInput } from "../saga/saga.ts";

/** What is being done: a method that was called, an event that is reacted to, a time of a schedule, or a step of a saga. */
export interface Operation {
  readonly kind: "method" | "event" | "schedule" | "step";
  /** `<service>.<method>`, `<service>.<event>`, `<service>.<schedule>` or `<saga>.<step>`. */
  readonly id: string;
  /** The service doing it. */
  readonly service: string;
  /** The only events it may emit, by their names in the service's contract, where the reaction says so. */
  readonly emits?: readonly string[];
  /** The id of the event whose reaction is being undone. */
  readonly undoing?: string;
}

/** What a handler is told beside its input. */
export interface Context {
  readonly operation: Operation;
  /** The same for every delivery and retry of one message. */
  readonly messageId: string;
  /** Shared by all messages that one original request or event caused. */
  readonly conversation: string;
  /** 1 the first time. */
  readonly attempt: number;
  /**
   * Milliseconds since the epoch. A call: nobody waits for its answer any longer. An event or a schedule: `timeoutMs` is
   * over, and it counts as failed.
   */
  readonly deadline: number;
  readonly principal: Principal | undefined;
  /** The key that a call came with: what to make the keys of for others who are asked for it. Calls do not inherit it. */
  readonly key: string | undefined;
  /** Aborted when the deadline passes or when the app stops and its drain time is over. */
  readonly signal: AbortSignal;
  /** The instance that runs this. */
  readonly instance: string;
  /** Carries the message id and the conversation. */
  readonly log: Logger;
}

export type Uses = Readonly<Record<string, AnyContract>>;

/** Typed clients, one per contract in `uses`; deadline, conversation and principal travel with their calls. */
export type Clients<U> = { readonly [K in keyof U]: Client<U[K]> };

/**
 * Publishers, one per event of the service's own contract. Each resolves when the broker has the event; in a service with
 * a store, when it is ready to be committed with what the handler changed, to be published right after.
 */
export type Emit<C extends AnyContract, D = undefined> = {
  readonly [K in keyof C["events"]]: C["events"][K] extends Event<any, infer I, any>
    ? (...args: [D] extends [undefined] ? [event: I] : [event: I, options?: InLane]) => Promise<void>
    : never;
};

/** Makers of the method's declared faults, to be thrown. */
export type Raise<E> = {
  readonly [C in keyof E & string]: (...data: Data<ErrorIn<E[C]>>) => Fault<C, ErrorOut<E[C]>>;
};
/** `any` and `unknown` first: `any` would pass for `void`. */
type Data<T> = unknown extends T ? [data?: T] : [T] extends [void] ? [] : [data: T];

export type HandlerContext<C extends AnyContract, U, D = undefined> = Context & {
  readonly call: Clients<U>;
  readonly emit: Emit<C, D>;
} & Stored<C, U, D>;

/** What a handler of a service with a store has beside. */
type Stored<C extends AnyContract, U, D> = [D] extends [undefined]
  ? unknown
  : {
      /**
       * The application's client of the store, in the handler's own transaction: it begins with the first statement,
       * commits when the handler's result is good, together with what it emits, and is undone when the handler fails.
       */
      readonly db: D;
      /**
       * Calls to be made: each resolves when it is ready to be committed with what the handler changed. It is made after
       * that, again and again until it is answered, under one key: it runs once where the called service has a store. An
       * answer that is no success (a declared fault, or one that no later try mends) makes it a dead letter of this
       * service.
       */
      readonly send: Send<U>;
      /**
       * The same for later: `await after(60_000).emit.reminded({ orderId })`. A whole number of milliseconds, up to ten
       * years, from now. It survives restarts, and happens once, not once per instance.
       */
      readonly after: (delayMs: number) => Later<C, U>;
      /**
       * Takes back what `after` gave the id of, together with what the handler changed.
       * @returns false where it is sent already, or may be at this moment
       */
      readonly cancel: (id: string) => Promise<boolean>;
      /**
       * Begins a run of a saga that is kept in the same store: it is there exactly if the handler's result is good, and then
       * goes on in whatever process has the saga. Does nothing where there is a run of that id.
       * @throws Fault INVALID_INPUT; KEY_REUSED where that run was begun with another input
       */
      readonly begin: <S extends Saga>(
        saga: S,
        input: SagaInput<S>,
        options: { readonly id: string },
      ) => Promise<void>;
    };
