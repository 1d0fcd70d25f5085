import type { Random } from "../id.ts";
import type { Logger } from "../log.ts";
import type { Incoming } from "../message.ts";
import { headers, names } from "../names.ts";
import { type Clock, delay } from "../time.ts";
import { conversationOf } from "../trail.ts";
import type { Disposition, Transport } from "../transport.ts";
import { carried, type DeadLetters, type DeathNotice, isTooLarge } from "./dead-letters.ts";
import { nextDelayMs, type RetryPolicy } from "./policy.ts";
import { tierTopology } from "./topology.ts";

export interface Retrier {
  /** Puts a failed message into the delay queue its policy asks for, or makes it a dead letter. Confirmed before it is acknowledged. */
  retry(message: Incoming, attempt: number, policy: RetryPolicy, notice: DeathNotice): Promise<Disposition>;
}

export interface RetrierOptions {
  readonly transport: Transport;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly deadLetters: DeadLetters;
}

/** Before a message that could not be moved is given back. */
const breathMs = 1_000;

export function retrier({ transport, clock, random, log, deadLetters }: RetrierOptions): Retrier {
  const declared = new Map<number, Promise<void>>();

  /** Most tiers are never used, so each is declared when it is first needed. */
  function declareTier(delayMs: number): Promise<void> {
    let done = declared.get(delayMs);
    if (done === undefined) {
      done = transport.declare(tierTopology(delayMs)).catch((error) => {
        declared.delete(delayMs);
        throw error;
      });
      declared.set(delayMs, done);
    }
    return done;
  }

  return {
    async retry(message, attempt, policy, notice) {
      const delayMs = nextDelayMs(policy, attempt, random);
      if (delayMs === undefined) return deadLetters.bury(message, notice);
      log.warn(
        {
          err: notice.error,
          service: notice.service,
          type: message.type,
          messageId: message.messageId,
          conversation: conversationOf(message),
          attempt,
          retryInMs: delayMs,
        },
        "a reaction failed and will be tried again",
      );
      try {
        await declareTier(delayMs);
        const fields = { ...carried(message), [headers.attempt]: attempt + 1 };
        await transport.publish({
          ...message,
          exchange: names.delay(delayMs),
          key: notice.queue,
          persistent: true,
          mandatory: true,
          expirationMs: undefined,
          headers: fields,
        });
        return "ack";
      } catch (failure) {
        if (isTooLarge(failure)) return deadLetters.bury(message, notice);
        log.error(
          { err: failure, messageId: message.messageId },
          "a retry could not be scheduled; the message is given back",
        );
        // Somebody may have deleted the tier: it is declared again for the next one.
        declared.delete(delayMs);
        await delay(clock, breathMs);
        return "requeue";
      }
    },
  };
}
