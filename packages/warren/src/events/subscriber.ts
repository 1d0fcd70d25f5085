import { isFault } from "../fault.ts";
import type { Random } from "../id.ts";
import type { Incoming } from "../message.ts";
import { forNextAttempt } from "../retry/attempt.ts";
import { nextStep, over } from "../retry/policy.ts";
import type { RetryLater } from "../retry/retrier.ts";
import { delay } from "../time.ts";
import type { Disposition, Handle } from "../transport.ts";
import { type FailedPart, type Prepared, type ReactingOptions, reacting, unreadable } from "./reacting.ts";

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
  const { listenerOf, read, run, failedPart, giveUp, bury, buryUnknown } = reacting(options);

  return function handle(message: Incoming): Promise<Disposition> {
    const listener = listenerOf(message);
    return listener === undefined ? buryUnknown(message) : react(listener, message);
  };

  function react(listener: Prepared, given: Incoming): Promise<Disposition> {
    const message = listener.seam?.begin(given) ?? given;
    return read(listener, message).then(
      (event) =>
        run(listener, message, event).then(
          () => {
            message.work?.end();
            return "ack" as const;
          },
          (error) => failed(listener, message, error),
        ),
      (error) => {
        // Apart from what the handler throws, which may be the same fault, about an event of its own.
        const reason = unreadable(error);
        if (reason === undefined) return failed(listener, message, error);
        ended(message, error);
        return bury(message, reason, error);
      },
    );
  }

  function failed(
    listener: Prepared,
    message: Incoming,
    thrown: unknown,
  ): Disposition | Promise<Disposition> {
    const part = failedPart(listener, message, thrown);
    const { error } = part;
    ended(message, error);
    // This process ends with the event in hand: that is no failure of the event, and may not be its last try.
    if (running.aborted && isFault(error) && error.from === undefined && error.code === "STOPPED")
      return "requeue";
    const next = part.kind === "given-up" ? over(error) : nextStep(part.retry, part.attempt, error, random);
    if (next.step === "give-up") return end(listener, message, { ...part, error: next.error });
    if (next.step === "later") {
      const reason = part.kind === "undo-failed" ? part.kind : "failed";
      return retryLater(message, next.delayMs, { service, queue, reason, error });
    }
    options.probe?.retried(service, listener.operation.id);
    const again = { ...message, headers: forNextAttempt(message, clock.now()) };
    return delay(clock, next.delayMs).then(() => react(listener, again));
  }

  function end(listener: Prepared, message: Incoming, part: FailedPart): Promise<Disposition> {
    return giveUp(listener, message, part).then(
      (grave) => (grave === undefined ? "ack" : bury(message, grave.reason, grave.error)),
      (error) => failed(listener, message, error),
    );
  }
}

/** One try failed. What follows is told by the next one, or by the dead letter. */
function ended({ work }: Incoming, error: unknown): void {
  work?.fail(error);
  work?.end();
}
