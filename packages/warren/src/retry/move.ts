import { isFault } from "../fault.ts";
import type { Logger } from "../log.ts";
import type { Headers, HeaderValue, Incoming } from "../message.ts";
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
 * has confirmed that the other place has it, so it is never in neither. Where the broker does not take it, it is given
 * back to its queue after a while. `too-large`: nothing was moved, and nothing ever will be; the caller decides.
 */
export type Move = (message: Incoming, to: Destination) => Promise<"ack" | "requeue" | "too-large">;

/** Before a message that could not be moved is given back: the broker is away or full, and a hot loop would not help it. */
const breathMs = 1_000;

export function mover(transport: Transport, clock: Clock, log: Logger): Move {
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
    try {
      await put(message, to).catch(async (failure) => {
        if (!hasCode(failure, "UNROUTABLE")) throw failure;
        // Somebody deleted it: without it, messages would be given back for as long as this process lives.
        await transport.declare(to.topology);
        await put(message, to);
      });
      return "ack";
    } catch (failure) {
      // Somebody with other limits sent it.
      if (hasCode(failure, "TOO_LARGE")) return "too-large";
      log.error(
        {
          err: failure,
          exchange: to.exchange,
          key: to.key,
          messageId: message.messageId,
          type: message.type,
        },
        "a message could not be moved and is given back to its queue",
      );
      await delay(clock, breathMs);
      return "requeue";
    }
  };
}

function hasCode(error: unknown, code: string): boolean {
  return isFault(error) && error.code === code;
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
