import { names } from "../names.ts";
import type { Exchange, Topology } from "../transport.ts";

export const directoryExchange: Exchange = { name: names.directory, type: "fanout" };

/** Of what a listener has not read yet: one that hangs must not fill the broker. What it misses it asks for again. */
const maxUnreadBytes = 8 * 2 ** 20;

/** What one who keeps a directory needs. */
export function directoryTopology(queue: string): Topology {
  return {
    exchanges: [directoryExchange, { name: names.instanceExchange, type: "direct" }],
    queues: [{ name: queue, type: "classic", lifetime: "consumer", maxBytes: maxUnreadBytes }],
    bindings: [{ queue, exchange: names.directory, key: "" }],
  };
}

/** A process is asked once who is there, however many services run in it: at the queue of one of them. */
export function presenceTopology(service: string, instance: string): Topology {
  const queue = names.instance(service, instance);
  return { bindings: [{ queue, exchange: names.instanceExchange, key: names.everyProcess }] };
}
