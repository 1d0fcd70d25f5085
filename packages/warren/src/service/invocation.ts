import { traceIds } from "../about-message.ts";
import { type AnyContract, type Event, eventsOf } from "../contract/contract.ts";
import type { Expiring } from "../deadlines.ts";
import type { EventPublisher } from "../events/publisher.ts";
import type { Logger } from "../log.ts";
import type { Incoming } from "../message.ts";
import { headers } from "../names.ts";
import { checkDelay, type Sending, sending } from "../outbox/sending.ts";
import type { EntryWriter, InLane } from "../outbox/writer.ts";
import type { Principal } from "../principal.ts";
import { attemptOf } from "../retry/attempt.ts";
import { boundClient } from "../rpc/bound-client.ts";
import type { Caller } from "../rpc/caller.ts";
import { beginWith } from "../saga/beginning.ts";
import type { Saga } from "../saga/saga.ts";
import type { StoreRuntime } from "../store/runtime.ts";
import type { Unit } from "../store/unit.ts";
import type { Clock } from "../time.ts";
import { conversationOf, principalOf, type Trail, traceOf } from "../trail.ts";
import type { Context, Operation, Uses } from "./context.ts";
import { perUse } from "./per-use.ts";

/** What all invocations of one service share. */
export interface InvocationScope {
  readonly contract: AnyContract;
  readonly uses: Uses;
  readonly instance: string;
  readonly log: Logger;
  readonly caller: Caller;
  readonly publisher: EventPublisher;
  /** For what is sent in a transaction. */
  readonly writer: EntryWriter;
  /** Where the service keeps its state, if it does. */
  readonly runtime: StoreRuntime | undefined;
  readonly clock: Clock;
  /** To be called when something was committed that sagas in that store wait for. */
  readonly wakeSagas?: (() => void) | undefined;
}

/** What handlers of `undo` and `gaveUp` are told beside. */
export interface Told {
  readonly done?: unknown;
  readonly original?: unknown;
  readonly error?: Error;
}

/**
 * The context of one handler run. A class, since one is made per message: what a handler does not ask for (clients,
 * a logger, an abort signal) is never built. Getters on the prototype work with destructuring, which is how it is used.
 */
export class Invocation implements Context, Expiring {
  readonly operation: Operation;
  readonly deadline: number;
  bucket?: Expiring["bucket"];
  /** Ends the wait for the handler; set while one is waited for. */
  giveUp: ((fault: Error) => void) | undefined;
  readonly fail: unknown;
  readonly #scope: InvocationScope;
  readonly #message: Incoming;
  readonly #unit: Unit | undefined;
  readonly #told: Told | undefined;
  #abort: AbortController | undefined;
  #abortReason: Error | undefined;
  #principal: Principal | undefined | null = null;
  #call: Record<string, unknown> | undefined;
  #emit: Record<string, unknown> | undefined;
  #send: Record<string, unknown> | undefined;
  #sending: Sending | undefined;
  #log: Logger | undefined;

  constructor(
    scope: InvocationScope,
    operation: Operation,
    message: Incoming,
    deadline: number,
    fail: unknown,
    /** What the handler changes together, in a service with a store. */
    unit?: Unit,
    told?: Told,
  ) {
    this.#scope = scope;
    this.#unit = unit;
    this.#told = told;
    this.#message = message;
    this.operation = operation;
    this.deadline = deadline;
    this.fail = fail;
  }

  get messageId(): string {
    return this.#message.messageId ?? this.#message.correlationId ?? "";
  }

  get conversation(): string {
    return conversationOf(this.#message);
  }

  get attempt(): number {
    return attemptOf(this.#message);
  }

  get instance(): string {
    return this.#scope.instance;
  }

  get principal(): Principal | undefined {
    if (this.#principal === null) this.#principal = principalOf(this.#message);
    return this.#principal;
  }

  get key(): string | undefined {
    const key = this.operation.kind === "method" ? this.#message.headers?.[headers.key] : undefined;
    return typeof key === "string" ? key : undefined;
  }

  get log(): Logger {
    this.#log ??= this.#scope.log.child({
      operation: this.operation.id,
      messageId: this.messageId,
      conversation: this.conversation,
      ...traceIds(this.#message.headers),
    });
    return this.#log;
  }

  get signal(): AbortSignal {
    if (this.#abort === undefined) {
      this.#abort = new AbortController();
      if (this.#abortReason !== undefined) this.#abort.abort(this.#abortReason);
    }
    return this.#abort.signal;
  }

  get call(): Record<string, unknown> {
    if (this.#call === undefined) {
      const { uses, caller } = this.#scope;
      this.#call = perUse(uses);
      for (const [name, contract] of Object.entries(uses))
        this.#call[name] = boundClient(caller, contract, this.trail);
    }
    return this.#call;
  }

  get emit(): Record<string, unknown> {
    this.#emit ??= this.#unit === undefined ? this.#emitAtOnce() : this.#inUnit("emit").emit();
    return this.#emit;
  }

  #emitAtOnce(): Record<string, unknown> {
    const { contract, publisher } = this.#scope;
    const emit: Record<string, unknown> = {};
    for (const event of eventsOf(contract))
      emit[event.name] = (data: unknown, options?: InLane) => {
        if (options?.lane !== undefined) throw this.#noStore("a lane");
        this.#checkEmits(event);
        return publisher.emit(event, data, this.trail);
      };
    return emit;
  }

  get send(): Record<string, unknown> {
    this.#send ??= this.#inUnit("send").send();
    return this.#send;
  }

  /** Bound, as it is taken out of the context. */
  get after(): (delayMs: number) => object {
    const later = this.#inUnit("after");
    return (delayMs) => {
      checkDelay(delayMs);
      return { emit: later.emit(delayMs), send: later.send(delayMs) };
    };
  }

  get cancel(): (id: string) => Promise<boolean> {
    const unit = this.#unit;
    if (unit === undefined) throw this.#noStore("cancel");
    return (id) => unit.cancel(id, this.#scope.contract.name);
  }

  /** In the handler's transaction: sent when it has committed. */
  #inUnit(member: string): Sending {
    const unit = this.#unit;
    if (unit === undefined) throw this.#noStore(member);
    const { contract, uses, writer } = this.#scope;
    this.#sending ??= sending({
      contract,
      uses,
      writer,
      trail: this.trail,
      check: (event) => this.#checkEmits(event),
      put: (entry) => unit.send(entry),
    });
    return this.#sending;
  }

  #noStore(member: string): TypeError {
    return new TypeError(
      `Service "${this.operation.service}" has no ${member}, as it has no store: give it one (\`store\`).`,
    );
  }

  /** What a reaction says of itself is what the map of the system shows. @throws TypeError */
  #checkEmits({ name, id }: Event): void {
    const { emits, id: on, service } = this.operation;
    if (emits === undefined || emits.includes(name)) return;
    throw new TypeError(
      `Service "${service}" on "${on}" does not say that it emits ${id}: add "${name}" to its \`emits\`, or take \`emits\` away.`,
    );
  }

  get db(): unknown {
    if (this.#unit === undefined) throw this.#noStore("db");
    return this.#unit.db;
  }

  /** For Warren's own reactions. */
  get unit(): Unit | undefined {
    return this.#unit;
  }

  /** See `HandlerContext`. */
  get begin(): (saga: Saga, input: unknown, options: { readonly id: string }) => Promise<void> {
    const unit = this.#unit;
    if (unit === undefined) throw this.#noStore("begin");
    return (saga, input, options) =>
      beginWith(unit, saga, input, {
        id: options?.id,
        conversation: this.conversation,
        principal: this.principal,
        now: this.#scope.clock.now(),
        store: this.#scope.runtime?.store,
        wake: this.#scope.wakeSagas,
      });
  }

  get done(): unknown {
    return this.#told?.done;
  }

  get original(): unknown {
    return this.#told?.original;
  }

  get error(): Error | undefined {
    return this.#told?.error;
  }

  /** What this message hands on to those that the handler sends. */
  get trail(): Trail {
    return {
      conversation: this.conversation,
      principal: this.principal,
      deadline: this.deadline,
      trace: traceOf(this.#message),
    };
  }

  abort(reason: Error): void {
    this.#abortReason = reason;
    this.#abort?.abort(reason);
  }
}
