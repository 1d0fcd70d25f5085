import type { Codec } from "../codec/codec.ts";
import { decoded } from "../codec/payload.ts";
import type { Event } from "../contract/contract.ts";
import { validated } from "../contract/schema.ts";
import { Fault, isFault } from "../fault.ts";
import type { Random } from "../id.ts";
import type { Incoming } from "../message.ts";
import { attemptOf, forNextAttempt } from "../retry/attempt.ts";
import type { Bury, DeathNotice } from "../retry/bury.ts";
import { nextStep, type RetryPolicy } from "../retry/policy.ts";
import type { RetryLater } from "../retry/retrier.ts";
import type { Operation } from "../service/context.ts";
import { Invocation, type InvocationScope } from "../service/invocation.ts";
import type { Handler } from "../service/middleware.ts";
import type { Running } from "../service/running.ts";
import { type Clock, delay } from "../time.ts";
import type { Disposition, Handle } from "../transport.ts";

/** An event and what is done on it. */
export interface Listener {
  readonly event: Event;
  readonly handler: Handler;
  readonly retry: RetryPolicy;
  /** See `ReactionOptions`. */
  readonly timeoutMs: number;
}

export interface SubscriberOptions {
  readonly listeners: readonly Listener[];
  /** The queue that retries and replays return to. */
  readonly queue: string;
  readonly scope: InvocationScope;
  readonly codec: Codec;
  readonly clock: Clock;
  readonly random: Random;
  readonly running: Running;
  readonly bury: Bury;
  readonly retryLater: RetryLater;
}

type Prepared = Listener & { readonly operation: Operation };

/**
 * Runs reactions. An event is acknowledged when its reaction is done, or when the broker has confirmed its retry or
 * its dead letter; never before.
 */
export function subscriber(options: SubscriberOptions): Handle {
  const { queue, scope, codec, clock, random, running, retryLater } = options;
  const service = scope.contract.name;
  const listeners = new Map(
    options.listeners.map((listener): [string, Prepared] => [
      listener.event.id,
      { ...listener, operation: { kind: "event", id: listener.event.id, service } },
    ]),
  );

  return function handle(message: Incoming): Promise<Disposition> {
    const listener = listeners.get(message.type ?? "");
    if (listener !== undefined) return react(listener, message);
    const text = `Service "${service}" does nothing on "${message.type ?? "(no type)"}".`;
    return bury(message, "unknown", new Fault("UNKNOWN_METHOD", { type: message.type }, { message: text }));
  };

  function react(listener: Prepared, message: Incoming): Promise<Disposition> {
    return run(listener, message).then(
      () => "ack" as const,
      (error) => failed(listener, message, error),
    );
  }

  async function run(listener: Prepared, message: Incoming): Promise<void> {
    const invocation = new Invocation(
      scope,
      listener.operation,
      message,
      clock.now() + listener.timeoutMs,
      undefined,
    );
    const event = await validated(
      listener.event.schema,
      decoded(codec, message),
      "INVALID_EVENT",
      `The event ${listener.event.id}`,
    );
    await running.run(listener.handler, event, invocation);
  }

  function failed(listener: Prepared, message: Incoming, error: unknown): Disposition | Promise<Disposition> {
    if (isFault(error) && error.from === undefined) {
      // This process ends with the event in hand: that is no failure of the event, and may not be its last try.
      if (error.code === "STOPPED") return "requeue";
      if (error.code === "BAD_MESSAGE") return bury(message, "undecodable", error);
      if (error.code === "INVALID_EVENT") return bury(message, "invalid", error);
    }
    const next = nextStep(listener.retry, attemptOf(message), error, random);
    if (next.step === "give-up") return bury(message, "failed", error);
    if (next.step === "later")
      return retryLater(message, next.delayMs, { service, queue, reason: "failed", error });
    const again = { ...message, headers: forNextAttempt(message, clock.now()) };
    return delay(clock, next.delayMs).then(() => react(listener, again));
  }

  function bury(message: Incoming, reason: DeathNotice["reason"], error: unknown): Promise<Disposition> {
    return options.bury(message, { service, queue, reason, error });
  }
}
