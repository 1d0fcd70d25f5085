import { names } from "../names.ts";
import type { Exchange, Topology } from "../transport.ts";

/**
 * Brings delayed messages home to the queue named by their key. One whose queue was deleted meanwhile is kept in
 * `warren.unrouted` instead of being dropped, or blocking the delay queue it cannot leave.
 */
export const deliverExchange: Exchange = {
  name: names.deliverExchange,
  type: "direct",
  alternate: names.unrouted,
};

/** The message's routing key is the name of the queue it came from, so that the deliver exchange brings it home. */
export function tierTopology(delayMs: number): Topology {
  const name = names.delay(delayMs);
  return {
    exchanges: [deliverExchange, { name: names.unrouted, type: "fanout" }, { name, type: "fanout" }],
    queues: [
      { name: names.unrouted, type: "quorum", lifetime: "durable" },
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
