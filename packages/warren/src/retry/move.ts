import { aboutMessage } from "../about-message.ts";
import { isFault } from "../fault.ts";
import type { Logger } from "../log.ts";
import type { Headers, HeaderValue, Incoming } from "../message.ts";
import { isBrokersOwn } from "../names.ts";
import { type Clock, delay } from "../time.ts";
import type { Topology, Transport } from "../transport.ts";

/** Where a message goes that does not stay in its queue. */
export interface Destination {
  readonly exchange: string;
  readonly key: string;
  /** All of its headers. */
  readonly headers: Headers;
  /** What has to exist for it; declared again when it turns out to be missing. */
  readonly topology: Topology;
}

/**
 * Puts a message somewhere else and says what is to become of the one in hand. It is acknowledged only once the broker
 * has confirmed that the other place has it, so it is never in neither. Where the broker does not take it, this goes on
 * trying for some minutes with the message in hand, and then gives it back to its queue. `too-large`: nothing was
 * moved, and nothing ever will be; the caller decides.
 */
export type Move = (message: Incoming, to: Destination) => Promise<"ack" | "requeue" | "too-large">;

/** Each may take as long as a publish may, so this ends well before the half hour after which RabbitMQ takes a message back. */
const maxTries = 8;
const firstPauseMs = 1_000;
const longestPauseMs = 30_000;

/** @param ending aborted when the process is about to end: between two tries it is not waited any more, so that no timer keeps it */
export function mover(transport: Transport, clock: Clock, log: Logger, ending: AbortSignal): Move {
  function put(message: Incoming, to: Destination): Promise<void> {
    return transport.publish({
      ...message,
      exchange: to.exchange,
      key: to.key,
      headers: to.headers,
      persistent: true,
      mandatory: true,
      expirationMs: undefined,
    });
  }

  return async function move(message, to) {
    for (let tries = 1; ; tries++) {
      try {
        await put(message, to);
        return "ack";
      } catch (err) {
        // Somebody with other limits sent it.
        if (hasCode(err, "TOO_LARGE")) return "too-large";
        if (hasCode(err, "STOPPED")) return "requeue";
        if (hasCode(err, "UNROUTABLE")) await declareAgain(to);
        // What was deleted is there again now.
        if (hasCode(err, "UNROUTABLE") && tries === 1) continue;
        const given = tries >= maxTries ? "; it is given back to its queue" : "; trying again";
        const about = { exchange: to.exchange, key: to.key, ...aboutMessage(message), err, tries };
        log.error(about, `a message could not be moved${given}`);
        if (tries >= maxTries) return "requeue";
        if (ending.aborted) return "requeue";
        await delay(clock, Math.min(longestPauseMs, firstPauseMs * 2 ** (tries - 1)), ending);
      }
    }
  };

  /** Somebody deleted it: without it, this could not succeed for as long as the process lives. */
  async function declareAgain({ exchange, key, topology }: Destination): Promise<void> {
    try {
      await transport.declare(topology);
    } catch (err) {
      log.error({ err, exchange, key }, "what a message has to be moved to cannot be declared again");
    }
  }
}

function hasCode(error: unknown, code: string): boolean {
  return isFault(error) && error.code === code;
}

/** A message's headers as they go on with it: without the broker's own. */
export function carried(message: Incoming): Record<string, HeaderValue> {
  return Object.fromEntries(Object.entries(message.headers ?? {}).filter(([name]) => !isBrokersOwn(name)));
}
