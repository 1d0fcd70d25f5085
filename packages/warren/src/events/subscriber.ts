import { isFault } from "../fault.ts";
import type { Random } from "../id.ts";
import type { Incoming } from "../message.ts";
import { attemptOf, forNextAttempt } from "../retry/attempt.ts";
import { nextStep } from "../retry/policy.ts";
import type { RetryLater } from "../retry/retrier.ts";
import { delay } from "../time.ts";
import type { Disposition, Handle } from "../transport.ts";
import { type Prepared, type ReactingOptions, reacting, unreadable } from "./reacting.ts";

export interface SubscriberOptions extends ReactingOptions {
  readonly random: Random;
  readonly retryLater: RetryLater;
}

/**
 * Runs reactions. An event is acknowledged when its reaction is done, or when the broker has confirmed its retry or
 * its dead letter; never before.
 */
export function subscriber(options: SubscriberOptions): Handle {
  const { queue, scope, clock, random, running, retryLater } = options;
  const service = scope.contract.name;
  const { listenerOf, read, run, bury, buryUnknown } = reacting(options);

  return function handle(message: Incoming): Promise<Disposition> {
    const listener = listenerOf(message);
    return listener === undefined ? buryUnknown(message) : react(listener, message);
  };

  function react(listener: Prepared, message: Incoming): Promise<Disposition> {
    return read(listener, message).then(
      (event) =>
        run(listener, message, event).then(
          () => "ack" as const,
          (error) => failed(listener, message, error),
        ),
      (error) => {
        // Apart from what the handler throws, which may be the same fault, about an event of its own.
        const reason = unreadable(error);
        return reason === undefined ? failed(listener, message, error) : bury(message, reason, error);
      },
    );
  }

  function failed(listener: Prepared, message: Incoming, error: unknown): Disposition | Promise<Disposition> {
    // This process ends with the event in hand: that is no failure of the event, and may not be its last try.
    if (running.aborted && isFault(error) && error.from === undefined && error.code === "STOPPED")
      return "requeue";
    const next = nextStep(listener.retry, attemptOf(message), error, random);
    if (next.step === "give-up") return bury(message, "failed", next.error);
    if (next.step === "later")
      return retryLater(message, next.delayMs, { service, queue, reason: "failed", error });
    const again = { ...message, headers: forNextAttempt(message, clock.now()) };
    return delay(clock, next.delayMs).then(() => react(listener, again));
  }
}
