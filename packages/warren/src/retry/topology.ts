import { names } from "../names.ts";
import type { Exchange, Queue, Topology } from "../transport.ts";

/**
 * Brings delayed messages home to the queue named by their key. One whose queue was deleted meanwhile is kept in
 * `warren.unrouted` instead of being dropped, or blocking the delay queue it cannot leave.
 */
export const deliverExchange: Exchange = {
  name: names.deliverExchange,
  type: "direct",
  alternate: names.unrouted,
};

/**
 * For queues that people look into: a look is a delivery that comes back. RabbitMQ 4 drops a message after 20 of them
 * where nothing is said, and 3.10 refuses to be told "never".
 */
export const looksAllowed = 1_000_000;

/** Where a service's dead letters are kept until somebody decides. */
export function deadQueue(service: string): Queue {
  return { name: names.dead(service), type: "quorum", lifetime: "durable", deliveryLimit: looksAllowed };
}

/** The message's routing key is the name of the queue it came from, so that the deliver exchange brings it home. */
export function tierTopology(delayMs: number): Topology {
  const name = names.delay(delayMs);
  return {
    exchanges: [deliverExchange, { name: names.unrouted, type: "fanout" }, { name, type: "fanout" }],
    queues: [
      { name: names.unrouted, type: "quorum", lifetime: "durable", deliveryLimit: looksAllowed },
      {
        name,
        type: "quorum",
        lifetime: "durable",
        messageTtlMs: delayMs,
        deadLetter: { exchange: names.deliverExchange },
      },
    ],
    bindings: [
      { queue: names.unrouted, exchange: names.unrouted, key: "" },
      { queue: name, exchange: name, key: "" },
    ],
  };
}
