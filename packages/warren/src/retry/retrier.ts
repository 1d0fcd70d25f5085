import { aboutMessage } from "../about-message.ts";
import type { Logger } from "../log.ts";
import type { Incoming } from "../message.ts";
import { names } from "../names.ts";
import type { Clock } from "../time.ts";
import type { Disposition, Transport } from "../transport.ts";
import { attemptOf, forNextAttempt } from "./attempt.ts";
import type { Bury, DeathNotice } from "./bury.ts";
import { carried, type Move } from "./move.ts";
import { tierFor } from "./policy.ts";
import { tierTopology } from "./topology.ts";

/**
 * Puts a failed message into the shared queue of the shortest delay that is at least `delayMs`, from which it returns
 * to the notice's queue. Confirmed before it is acknowledged. One that cannot be moved for its size becomes a dead letter.
 */
export type RetryLater = (message: Incoming, delayMs: number, notice: DeathNotice) => Promise<Disposition>;

export interface RetrierOptions {
  readonly transport: Transport;
  readonly clock: Clock;
  readonly log: Logger;
  readonly move: Move;
  readonly bury: Bury;
}

export function retrier({ transport, clock, log, move, bury }: RetrierOptions): RetryLater {
  const declared = new Map<number, Promise<void>>();

  /** Most tiers are never used, so each is declared when it is first needed. */
  function declareTier(tierMs: number): Promise<void> {
    let done = declared.get(tierMs);
    if (done === undefined) {
      done = transport.declare(tierTopology(tierMs)).catch((error) => {
        declared.delete(tierMs);
        // The move fails where the tier is missing, and says so.
        log.warn({ err: error, tierMs }, "a delay queue could not be declared");
      });
      declared.set(tierMs, done);
    }
    return done;
  }

  return async function retryLater(message, delayMs, notice) {
    const tierMs = tierFor(delayMs);
    log.warn(
      {
        err: notice.error,
        service: notice.service,
        ...aboutMessage(message),
        attempt: attemptOf(message),
        retryInMs: tierMs,
      },
      "a reaction failed and will be tried again",
    );
    await declareTier(tierMs);
    const done = await move(message, {
      exchange: names.delay(tierMs),
      key: notice.queue,
      headers: carried({ ...message, headers: forNextAttempt(message, clock.now()) }),
      topology: tierTopology(tierMs),
    });
    return done === "too-large" ? bury(message, notice) : done;
  };
}
