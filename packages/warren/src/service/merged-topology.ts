import type { Topology } from "../transport.ts";

/** Everything that the topologies name, each once, in their order. */
export function mergedTopology(all: readonly Topology[]): Topology {
  return {
    exchanges: once(
      all.flatMap(({ exchanges = [] }) => exchanges),
      ({ name }) => name,
    ),
    queues: once(
      all.flatMap(({ queues = [] }) => queues),
      ({ name }) => name,
    ),
    bindings: once(
      all.flatMap(({ bindings = [] }) => bindings),
      ({ exchange, queue, key }) => JSON.stringify([exchange, queue, key]),
    ),
  };
}

function once<T>(things: readonly T[], keyOf: (thing: T) => string): T[] {
  return [...new Map(things.map((thing) => [keyOf(thing), thing])).values()];
}
