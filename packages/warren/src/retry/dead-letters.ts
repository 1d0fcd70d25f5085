import { isFault } from "../fault.ts";
import type { Logger } from "../log.ts";
import type { Headers, HeaderValue, Incoming } from "../message.ts";
import { headers, names } from "../names.ts";
import { type Clock, delay } from "../time.ts";
import { conversationOf } from "../trail.ts";
import type { Disposition, Transport } from "../transport.ts";
import { deadQueue } from "./topology.ts";

export interface DeathNotice {
  readonly service: string;
  /** The queue it was taken from. */
  readonly queue: string;
  readonly reason: "failed" | "undecodable" | "unknown" | "invalid";
  readonly error: unknown;
}

export interface DeadLetters {
  /**
   * Keeps a message that is given up, with the reason, in the service's dead-letter queue. Acknowledged only once the
   * broker has confirmed the dead letter: a message is never in neither place.
   */
  bury(message: Incoming, notice: DeathNotice): Promise<Disposition>;
}

/** An error's text is for people; a message is not the place for novels. */
const maxErrorChars = 2_000;
/** Before a message that could not be moved is given back: the broker is away or full, and a hot loop would not help it. */
const breathMs = 1_000;

export function deadLetters(transport: Transport, clock: Clock, instance: string, log: Logger): DeadLetters {
  function put(message: Incoming, service: string, fields: Headers): Promise<void> {
    return transport.publish({
      ...message,
      exchange: "",
      key: names.dead(service),
      persistent: true,
      mandatory: true,
      expirationMs: undefined,
      headers: fields,
    });
  }

  /** Somebody deleted the queue: without it, its messages would be given back for as long as this process lives. */
  async function declareAgain(failure: unknown, service: string): Promise<void> {
    if (!isFault(failure) || failure.code !== "UNROUTABLE") return;
    try {
      await transport.declare({ queues: [deadQueue(service)] });
    } catch (error) {
      log.error({ err: error }, `${names.dead(service)} is gone and cannot be declared again`);
    }
  }

  return {
    async bury(message, { service, queue, reason, error }) {
      const why: Headers = {
        [headers.reason]: reason,
        [headers.error]: textOf(error).slice(0, maxErrorChars),
        [headers.queue]: queue,
        [headers.instance]: instance,
        [headers.failedAt]: new Date(clock.now()).toISOString(),
      };
      log.warn(
        {
          service,
          reason,
          type: message.type,
          messageId: message.messageId,
          conversation: conversationOf(message),
          err: error,
        },
        `a message became a dead letter in ${names.dead(service)}`,
      );
      try {
        await put(message, service, { ...carried(message), ...why }).catch((failure) => {
          // Headers of others that leave no room for the reason are given up for it.
          if (isTooLarge(failure)) return put(message, service, why);
          throw failure;
        });
        return "ack";
      } catch (failure) {
        const about = { err: failure, messageId: message.messageId, type: message.type };
        if (isTooLarge(failure)) {
          // Given back, it would come again for ever. The broker itself moves what was rejected from a queue of events.
          log.error(
            about,
            `a message is too large to be put into ${names.dead(service)}, and was rejected instead`,
          );
          return "reject";
        }
        log.error(about, `${names.dead(service)} did not take a dead letter; the message is given back`);
        await delay(clock, breathMs);
        await declareAgain(failure, service);
        return "requeue";
      }
    },
  };
}

/** Somebody with other limits sent it. */
export function isTooLarge(error: unknown): boolean {
  return isFault(error) && error.code === "TOO_LARGE";
}

/**
 * A message's headers without the broker's own (`x-death` and its kin): the broker reads those back on a message that
 * is published again, and drops it as going in circles.
 */
export function carried(message: Incoming): Record<string, HeaderValue> {
  return Object.fromEntries(
    Object.entries(message.headers ?? {}).filter(
      ([name]) => !name.startsWith("x-") && name !== "CC" && name !== "BCC",
    ),
  );
}

function textOf(error: unknown): string {
  if (isFault(error)) return `${error.code}: ${error.message}`;
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}
