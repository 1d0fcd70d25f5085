import { type AnyContract, eventsOf } from "../contract/contract.ts";
import type { Expiring } from "../deadlines.ts";
import type { EventPublisher } from "../events/publisher.ts";
import type { Logger } from "../log.ts";
import type { Incoming } from "../message.ts";
import type { Principal } from "../principal.ts";
import { attemptOf } from "../retry/attempt.ts";
import { boundClient } from "../rpc/bound-client.ts";
import type { Caller } from "../rpc/caller.ts";
import { conversationOf, principalOf, type Trail, traceOf } from "../trail.ts";
import type { Context, Operation, Uses } from "./context.ts";

/** What all invocations of one service share. */
export interface InvocationScope {
  readonly contract: AnyContract;
  readonly uses: Uses;
  readonly instance: string;
  readonly log: Logger;
  readonly caller: Caller;
  readonly publisher: EventPublisher;
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
  #abort: AbortController | undefined;
  #abortReason: Error | undefined;
  #principal: Principal | undefined | null = null;
  #call: Record<string, unknown> | undefined;
  #emit: Record<string, unknown> | undefined;
  #log: Logger | undefined;

  constructor(
    scope: InvocationScope,
    operation: Operation,
    message: Incoming,
    deadline: number,
    fail: unknown,
  ) {
    this.#scope = scope;
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

  get log(): Logger {
    this.#log ??= this.#scope.log.child({
      operation: this.operation.id,
      messageId: this.messageId,
      conversation: this.conversation,
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
      this.#call = {};
      const { uses, caller } = this.#scope;
      for (const [name, contract] of Object.entries(uses))
        this.#call[name] = boundClient(caller, contract, this.trail);
    }
    return this.#call;
  }

  get emit(): Record<string, unknown> {
    if (this.#emit === undefined) {
      this.#emit = {};
      const { contract, publisher } = this.#scope;
      for (const event of eventsOf(contract))
        this.#emit[event.name] = (data: unknown) => publisher.emit(event, data, this.trail);
    }
    return this.#emit;
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
