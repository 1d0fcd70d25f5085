import type { Codec } from "../codec/codec.ts";
import { decoded } from "../codec/payload.ts";
import type { Event } from "../contract/contract.ts";
import { validated } from "../contract/schema.ts";
import { Fault, isFault } from "../fault.ts";
import type { Incoming } from "../message.ts";
import type { DeadLetters, DeathNotice } from "../retry/dead-letters.ts";
import { isWorthRetrying, type RetryPolicy } from "../retry/policy.ts";
import type { Retrier } from "../retry/retrier.ts";
import type { Operation } from "../service/context.ts";
import { attemptOf, Invocation, type InvocationScope } from "../service/invocation.ts";
import type { Handler } from "../service/middleware.ts";
import type { Running } from "../service/running.ts";
import type { Clock } from "../time.ts";
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
  /** The queue the events come from. */
  readonly queue: string;
  readonly scope: InvocationScope;
  readonly codec: Codec;
  readonly clock: Clock;
  readonly running: Running;
  readonly retrier: Retrier;
  readonly deadLetters: DeadLetters;
}

/**
 * Runs reactions. An event is acknowledged when its reaction is done, or when the broker has confirmed its retry or
 * its dead letter; never before.
 */
export function subscriber(options: SubscriberOptions): Handle {
  const { queue, scope, codec, clock, running, retrier, deadLetters } = options;
  const service = scope.contract.name;
  const listeners = new Map(
    options.listeners.map((listener) => [
      listener.event.id,
      { ...listener, operation: operationOf(listener.event, service) },
    ]),
  );

  return function handle(message: Incoming): Disposition | Promise<Disposition> {
    const listener = listeners.get(message.type ?? "");
    if (listener === undefined)
      return bury(
        message,
        "unknown",
        new Fault(
          "UNKNOWN_METHOD",
          { type: message.type },
          { message: `Service "${service}" does nothing on "${message.type ?? "(no type)"}".` },
        ),
      );
    return react(listener, message).then(
      () => "ack" as const,
      (error) => failed(listener, message, error),
    );
  };

  async function react(listener: Listener & { operation: Operation }, message: Incoming): Promise<void> {
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

  function failed(listener: Listener, message: Incoming, error: unknown): Disposition | Promise<Disposition> {
    if (isFault(error) && error.from === undefined) {
      // This process ends with the event in hand: that is no failure of the event, and may not be its last try.
      if (error.code === "STOPPED") return "requeue";
      if (error.code === "BAD_MESSAGE") return bury(message, "undecodable", error);
      if (error.code === "INVALID_EVENT") return bury(message, "invalid", error);
    }
    if (!isWorthRetrying(error)) return bury(message, "failed", error);
    return retrier.retry(message, attemptOf(message), listener.retry, {
      service,
      queue,
      reason: "failed",
      error,
    });
  }

  function bury(message: Incoming, reason: DeathNotice["reason"], error: unknown): Promise<Disposition> {
    return deadLetters.bury(message, { service, queue, reason, error });
  }
}

function operationOf(event: Event, service: string): Operation {
  return { kind: "event", id: event.id, service };
}
