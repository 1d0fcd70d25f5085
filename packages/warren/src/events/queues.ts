import { names } from "../names.ts";
import type { Queue } from "../transport.ts";

/** RabbitMQ 4 has the same by default; said explicitly, it holds on every version. */
const deliveryLimit = 20;

/** What a queue of events has in common with every other: what it gives up goes to the dead letters of its service. */
export function eventQueue(name: string, service: string): Queue {
  const deadLetter = { exchange: "", key: names.dead(service) };
  return { name, type: "quorum", lifetime: "durable", deadLetter, deliveryLimit };
}

/** Of events that are to run alone: see `quarantine`. */
export function quarantineQueue(service: string): Queue {
  return eventQueue(names.quarantine(service), service);
}

/**
 * Events whose reactions run in order. One that kills its process is found out by count (see `inOrder`), so the limit
 * only has to be out of the way of what comes back with restarts and cut connections.
 */
export function orderedQueue(service: string): Queue {
  return { ...eventQueue(names.orderedEvents(service), service), singleActive: true, deliveryLimit: 100 };
}
