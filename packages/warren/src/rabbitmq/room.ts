import { Fault } from "../fault.ts";
import type { Settings } from "./options.ts";

/** How many publishes may be under way at once, and with how many bytes. */
export interface Room {
  /**
   * Takes a place for a message of so many bytes, with `waiting` before it where it cannot be sent now.
   * @throws Fault OVERLOADED
   */
  take(bytes: number, waiting: number | undefined): void;
  give(bytes: number): void;
}

/**
 * Counts what is under way and not only what is in line: what a full queue refuses is in no line while it waits to be
 * sent again.
 */
export function room({ maxUnconfirmed, maxWaiting, maxWaitingBytes }: Settings): Room {
  let places = 0;
  let taken = 0;
  return {
    take(bytes, waiting = 0) {
      if (places >= maxUnconfirmed + maxWaiting || waiting >= maxWaiting)
        throw overloaded(`${maxWaiting} messages wait`, "maxWaiting", maxWaiting);
      // A message that is larger than the limit goes alone.
      if (places > 0 && taken + bytes > maxWaitingBytes)
        throw overloaded(`${taken} bytes of messages wait`, "maxWaitingBytes", maxWaitingBytes);
      places++;
      taken += bytes;
    },
    give(bytes) {
      places--;
      taken -= bytes;
    },
  };
}

function overloaded(what: string, option: string, limit: number): Fault {
  const message = `${what} to be published to RabbitMQ already (${option}). Publish more slowly, or try again later.`;
  return new Fault("OVERLOADED", { limit }, { message });
}
