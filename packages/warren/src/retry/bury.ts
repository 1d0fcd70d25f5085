import { aboutMessage } from "../about-message.ts";
import type { Logger } from "../log.ts";
import type { Headers, Incoming } from "../message.ts";
import { headers, names } from "../names.ts";
import type { Clock } from "../time.ts";
import type { Disposition } from "../transport.ts";
import { attemptOf } from "./attempt.ts";
import { stackOf, textOf } from "./error-text.ts";
import { carried, type Destination, type Move } from "./move.ts";
import { deadQueue } from "./topology.ts";

export interface DeathNotice {
  readonly service: string;
  /** The queue it is to return to when it is replayed: mostly the one it was taken from. */
  readonly queue: string;
  /**
   * `crashed`: nothing is known but that it came back again and again, with whoever worked on it gone. `given-up`: it
   * failed, and the reaction's `gaveUp` has said so. `undo-failed`: what it should have undone is not undone.
   */
  readonly reason: "failed" | "given-up" | "undo-failed" | "undecodable" | "unknown" | "invalid" | "crashed";
  readonly error: unknown;
}

/**
 * Keeps a message that is given up, with the reason, in the service's dead-letter queue. Acknowledged only once the
 * broker has confirmed the dead letter: a message is never in neither place.
 */
export type Bury = (message: Incoming, notice: DeathNotice) => Promise<Disposition>;

export interface BuryOptions {
  readonly move: Move;
  readonly clock: Clock;
  readonly log: Logger;
  readonly instance: string;
  readonly version: string | undefined;
}

/** An error's text is for people; a message is not the place for novels. */
const maxErrorChars = 2_000;
const maxStackChars = 4_000;

export function burying({ move, clock, log, instance, version }: BuryOptions): Bury {
  function reasons(message: Incoming, { service, queue, reason, error }: DeathNotice): Headers {
    const now = new Date(clock.now()).toISOString();
    const stack = stackOf(error);
    return {
      [headers.reason]: reason,
      [headers.error]: textOf(error, maxErrorChars),
      ...(stack !== undefined && { [headers.stack]: stack.slice(0, maxStackChars) }),
      [headers.queue]: queue,
      [headers.service]: service,
      ...(version !== undefined && { [headers.version]: version }),
      [headers.instance]: instance,
      [headers.attempt]: attemptOf(message),
      [headers.firstFailedAt]: message.headers?.[headers.firstFailedAt] ?? now,
      [headers.failedAt]: now,
    };
  }

  return async function bury(message, notice) {
    const { service, reason, error } = notice;
    const queue = names.dead(service);
    const about = { service, reason, ...aboutMessage(message), err: error };
    log.error(about, `a message became a dead letter in ${queue}`);
    const why = reasons(message, notice);
    const grave = (fields: Headers): Destination => ({
      exchange: "",
      key: queue,
      headers: fields,
      topology: { queues: [deadQueue(service)] },
    });
    const done = await move(message, grave({ ...carried(message), ...why }));
    if (done !== "too-large") return done;
    // Headers of others that leave no room for the reason are given up for it.
    const without = await move(message, grave(why));
    if (without !== "too-large") return without;
    // Given back, it would come again for ever. The broker itself moves what was rejected from a queue of events.
    log.error(about, `a message is too large to be put into ${queue}, and was rejected instead`);
    return "reject";
  };
}
