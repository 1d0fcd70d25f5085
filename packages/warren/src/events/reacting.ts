import type { Codec } from "../codec/codec.ts";
import { decoded } from "../codec/payload.ts";
import type { Event } from "../contract/contract.ts";
import { validated } from "../contract/schema.ts";
import { Fault, isFault } from "../fault.ts";
import { AlreadyDone } from "../inbox/already-done.ts";
import type { Mark } from "../inbox/inbox.ts";
import type { Incoming } from "../message.ts";
import type { Bury, DeathNotice } from "../retry/bury.ts";
import type { RetryPolicy } from "../retry/policy.ts";
import type { Operation } from "../service/context.ts";
import { Invocation, type InvocationScope } from "../service/invocation.ts";
import type { Handler } from "../service/middleware.ts";
import type { Running } from "../service/running.ts";
import type { StoreRuntime } from "../store/runtime.ts";
import type { Unit } from "../store/unit.ts";
import type { Clock } from "../time.ts";
import type { Disposition } from "../transport.ts";

/** An event and what is done on it. */
export interface Listener {
  readonly event: Event;
  readonly handler: Handler;
  readonly retry: RetryPolicy;
  /** See `ReactionOptions`. */
  readonly timeoutMs: number;
  readonly inOrder?: true | ((event: any) => string) | undefined;
  readonly emits?: readonly string[] | undefined;
  /** Whether the service's store knows what was done; not where every instance does it. @default true */
  readonly marked?: boolean;
}

export interface ReactingOptions {
  readonly listeners: readonly Listener[];
  /** The queue that retries and replays return to. */
  readonly queue: string;
  readonly scope: InvocationScope;
  readonly codec: Codec;
  readonly clock: Clock;
  readonly running: Running;
  readonly bury: Bury;
}

/** A listener, and what its runs are called. */
export type Prepared = Listener & { readonly operation: Operation };

/** The steps of a reaction, for those who decide when each is done and what follows from a failure. */
export interface Reacting {
  /** `undefined` where the service does nothing on such messages. */
  listenerOf(message: Incoming): Prepared | undefined;
  /** The validated event. @throws Fault BAD_MESSAGE, INVALID_EVENT */
  read(listener: Prepared, message: Incoming): Promise<unknown>;
  /** One try, by the reaction's timeout. */
  run(listener: Prepared, message: Incoming, event: unknown): Promise<void>;
  bury(message: Incoming, reason: DeathNotice["reason"], error: unknown): Promise<Disposition>;
  buryUnknown(message: Incoming): Promise<Disposition>;
}

export function reacting(options: ReactingOptions): Reacting {
  const { queue, scope, codec, clock, running } = options;
  const service = scope.contract.name;
  const listeners = new Map(
    options.listeners.map((listener): [string, Prepared] => [
      listener.event.id,
      { ...listener, operation: operationOf(listener, service) },
    ]),
  );

  function bury(message: Incoming, reason: DeathNotice["reason"], error: unknown): Promise<Disposition> {
    return options.bury(message, { service, queue, reason, error });
  }

  return {
    listenerOf: (message) => listeners.get(message.type ?? ""),
    async read({ event }, message) {
      return validated(event.schema, decoded(codec, message), "INVALID_EVENT", `The event ${event.id}`);
    },
    async run(listener, message, event) {
      const deadline = clock.now() + listener.timeoutMs;
      const invoke = (unit?: Unit): unknown =>
        running.run(
          listener.handler,
          event,
          new Invocation(scope, listener.operation, message, deadline, undefined, unit),
        );
      if (scope.runtime === undefined) await invoke();
      else await onceMarked(scope.runtime, markOf(listener, message), invoke);
    },
    bury,
    buryUnknown(message) {
      const text = `Service "${service}" does nothing on "${message.type ?? "(no type)"}".`;
      return bury(message, "unknown", new Fault("UNKNOWN_METHOD", { type: message.type }, { message: text }));
    },
  };
}

function operationOf({ event, emits }: Listener, service: string): Operation {
  return { kind: "event", id: event.id, service, ...(emits && { emits }) };
}

/** A message without an id cannot be told from another one: it runs as often as it comes. */
function markOf({ operation, marked = true }: Prepared, { messageId }: Incoming): Mark | undefined {
  return messageId === undefined || !marked
    ? undefined
    : { consumer: `${operation.service} on ${operation.id}`, messageId };
}

/** Runs a reaction in a transaction that also says that it is done: what it changes, and emits, happens once. */
async function onceMarked(
  runtime: StoreRuntime,
  mark: Mark | undefined,
  invoke: (unit: Unit) => unknown,
): Promise<void> {
  if (mark !== undefined && (await runtime.inbox.isDone(mark))) return;
  const unit = runtime.unit(mark === undefined ? {} : { mark });
  try {
    await invoke(unit);
    await unit.commit();
  } catch (error) {
    await unit.rollback();
    if (error instanceof AlreadyDone) return;
    throw error;
  }
}

/** Why a message whose event cannot be read is buried; `undefined` where the error says nothing of the kind. */
export function unreadable(error: unknown): DeathNotice["reason"] | undefined {
  if (!isFault(error) || error.from !== undefined) return undefined;
  if (error.code === "BAD_MESSAGE") return "undecodable";
  return error.code === "INVALID_EVENT" ? "invalid" : undefined;
}
