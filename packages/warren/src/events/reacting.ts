import { decoded } from "../codec/payload.ts";
import type { Reading } from "../codec/reading.ts";
import type { Event } from "../contract/contract.ts";
import { validated } from "../contract/schema.ts";
import { Fault, isFault } from "../fault.ts";
import type { Mark } from "../inbox/inbox.ts";
import type { Incoming } from "../message.ts";
import { Failure } from "../reaction/failure.ts";
import type { Invoke } from "../reaction/invoke.ts";
import type { Journalled, JournalledJob } from "../reaction/journalled-run.ts";
import { parts } from "../reaction/parts.ts";
import { attemptOf } from "../retry/attempt.ts";
import type { Bury, DeathNotice } from "../retry/bury.ts";
import type { RetryPolicy } from "../retry/policy.ts";
import type { Operation } from "../service/context.ts";
import { Invocation, type InvocationScope } from "../service/invocation.ts";
import type { Handler } from "../service/middleware.ts";
import type { Running } from "../service/running.ts";
import { onceInUnit } from "../store/in-unit.ts";
import type { StoreRuntime } from "../store/runtime.ts";
import type { Unit } from "../store/unit.ts";
import type { Probe, Seam } from "../telemetry/probe.ts";
import type { Clock } from "../time.ts";
import type { Disposition } from "../transport.ts";

/** An event and what is done on it. */
export interface Listener {
  readonly event: Event;
  /** Not where the event only undoes. */
  readonly handler?: Handler | undefined;
  readonly retry: RetryPolicy;
  /** See `ReactionOptions`. */
  readonly timeoutMs: number;
  readonly inOrder?: true | ((event: any) => string) | undefined;
  readonly emits?: readonly string[] | undefined;
  /** Whether the service's store knows what was done; not where every instance does it. @default true */
  readonly marked?: boolean;
  /** Where what it does can be undone. */
  readonly journalled?: Journalled | undefined;
  /** What is undone on the event. */
  readonly undos?: readonly Undo[];
}

/** The undo of a reaction; see `ReactionOptions`. */
export interface Undo {
  /** The id of the event of the reaction. */
  readonly reaction: string;
  readonly handler: Handler;
  readonly retry: RetryPolicy;
  readonly timeoutMs: number;
  readonly key?: ((event: any) => string) | undefined;
  readonly emits?: readonly string[] | undefined;
}

/** Why something on an event failed, and how often it may. */
export interface FailedPart {
  readonly kind: "failed" | Failure["kind"];
  readonly error: unknown;
  readonly retry: RetryPolicy;
  /** Which try it was. */
  readonly attempt: number;
}

export interface ReactingOptions {
  readonly listeners: readonly Listener[];
  /** The queue that retries and replays return to. */
  readonly queue: string;
  readonly scope: InvocationScope;
  readonly reading: Reading;
  readonly clock: Clock;
  readonly running: Running;
  readonly bury: Bury;
  readonly probe?: Probe | undefined;
}

/** A listener, and what its runs are called. */
export type Prepared = Listener & { readonly operation: Operation; readonly seam: Seam | undefined };

/** The steps of a reaction, for those who decide when each is done and what follows from a failure. */
export interface Reacting {
  /** `undefined` where the service does nothing on such messages. */
  listenerOf(message: Incoming): Prepared | undefined;
  /** The validated event. @throws Fault BAD_MESSAGE, INVALID_EVENT */
  read(listener: Prepared, message: Incoming): Promise<unknown>;
  /** One try, by the reaction's timeout. */
  run(listener: Prepared, message: Incoming, event: unknown): Promise<void>;
  /** Of what `run` or `giveUp` threw. */
  failedPart(listener: Prepared, message: Incoming, error: unknown): FailedPart;
  /**
   * What comes before a message is buried: `gaveUp`, where the reaction has one.
   * @returns with which reason and error it is to be buried; `undefined` where it is done or undone meanwhile
   * @throws what is to be given to `failedPart`
   */
  giveUp(listener: Prepared, message: Incoming, failed: FailedPart): Promise<Grave | undefined>;
  bury(message: Incoming, reason: DeathNotice["reason"], error: unknown): Promise<Disposition>;
  buryUnknown(message: Incoming): Promise<Disposition>;
}

export type Grave = Pick<DeathNotice, "reason" | "error">;

export function reacting(options: ReactingOptions): Reacting {
  const { queue, scope, reading, clock, running, probe } = options;
  const { runtime } = scope;
  const service = scope.contract.name;
  const invoke: Invoke = ({ handler, operation, timeoutMs }, message, event, unit, told) =>
    running.run(
      handler,
      event,
      new Invocation(scope, operation, message, clock.now() + timeoutMs, undefined, unit, told),
    );
  const beside = runtime && parts({ runtime, scope, clock, running, invoke });
  const unknown = probe?.seam({ operation: { kind: "event", id: `${service}.unknown`, service }, queue });
  const listeners = new Map(
    options.listeners.map((listener): [string, Prepared] => [listener.event.id, prepared(listener)]),
  );

  function prepared(listener: Listener): Prepared {
    const operation = operationOf(listener, service);
    return { ...listener, operation, seam: probe?.seam({ operation, queue }) };
  }

  function bury(message: Incoming, reason: DeathNotice["reason"], error: unknown): Promise<Disposition> {
    return options.bury(message, { service, queue, reason, error });
  }

  async function read({ event }: Prepared, message: Incoming): Promise<unknown> {
    const value = decoded(reading, message);
    // Nearly always there at once, and a turn of waiting for nothing costs each event something.
    const data = value instanceof Promise ? await value : value;
    return validated(event.schema, data, "INVALID_EVENT", `The event ${event.id}`);
  }

  async function own(listener: Prepared, message: Incoming, event: unknown): Promise<void> {
    const { handler, journalled } = listener;
    if (handler === undefined) return;
    const job = { ...listener, handler };
    if (runtime === undefined) await invoke(job, message, event);
    else if (journalled === undefined)
      await onceMarked(runtime, markOf(listener, message), (unit) => invoke(job, message, event, unit));
    else await beside!.run(journalledJob(listener, journalled, message), message, event);
  }

  return {
    listenerOf: (message) => listeners.get(message.type ?? ""),
    read,
    async run(listener, message, event) {
      const { undos = [], operation } = listener;
      if (undos.length === 0) return own(listener, message, event);
      const jobs = undos.map((undo) => ({ ...undo, operation: undoOperation(operation, undo) }));
      await beside!.both(
        jobs,
        message,
        () => read(listener, message),
        () => own(listener, message, event),
      );
    },
    failedPart({ retry }, message, error) {
      const attempt = attemptOf(message);
      if (!(error instanceof Failure)) return { kind: "failed", error, retry, attempt };
      const { kind, error: cause, retry: its, attempt: tries = attempt } = error;
      return { kind, error: cause, retry: its, attempt: tries };
    },
    async giveUp(listener, message, { kind, error }) {
      const { journalled } = listener;
      if (kind === "undo-failed" || kind === "given-up") return { reason: kind, error };
      if (kind === "failed" && journalled?.gaveUp !== undefined) {
        const job = journalledJob(listener, journalled, message);
        const isGivenUp = await beside!.giveUp(job, message, () => read(listener, message), error);
        return isGivenUp ? { reason: "given-up", error } : undefined;
      }
      return { reason: "failed", error };
    },
    bury,
    buryUnknown(given) {
      const message = unknown?.begin(given) ?? given;
      const text = `Service "${service}" does nothing on "${message.type ?? "(no type)"}".`;
      const fault = new Fault("UNKNOWN_METHOD", { type: message.type }, { message: text });
      message.work?.fail(fault);
      return bury(message, "unknown", fault).finally(() => message.work?.end());
    },
  };
}

/** Its runs are marked under the same name as those of any reaction. */
function journalledJob(listener: Prepared, journalled: Journalled, message: Incoming): JournalledJob {
  const mark = markOf(listener, message) ?? { consumer: listener.operation.id, messageId: "" };
  return { ...listener, handler: listener.handler!, journalled, mark };
}

function undoOperation({ id, service }: Operation, { reaction, emits }: Undo): Operation {
  return { kind: "event", id, service, undoing: reaction, ...(emits && { emits }) };
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
  await onceInUnit(runtime.unit({ mark }), invoke);
}

/** Why a message whose event cannot be read is buried; `undefined` where the error says nothing of the kind. */
export function unreadable(error: unknown): DeathNotice["reason"] | undefined {
  if (!isFault(error) || error.from !== undefined) return undefined;
  if (error.code === "BAD_MESSAGE") return "undecodable";
  return error.code === "INVALID_EVENT" ? "invalid" : undefined;
}
