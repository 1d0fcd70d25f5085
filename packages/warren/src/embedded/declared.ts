import type { Binding, Exchange, Queue, Topology } from "../transport.ts";
import type { Core, Peer } from "./core.ts";

/** What a transport has declared, to be declared again after a lost connection. */
export interface Declared {
  /** @throws Error when one of them cannot be; those before it are, and are remembered */
  add(topology: Topology, core: Core, peer: Peer): void;
  /** Declares everything again. */
  again(core: Core, peer: Peer): void;
  /** This queue is to be declared no more. */
  forget(queue: string): void;
}

export function declared(): Declared {
  const exchanges = new Map<string, Exchange>();
  const queues = new Map<string, Queue>();
  const bindings = new Map<string, Binding>();

  const add = (topology: Topology, core: Core, peer: Peer): void => {
    for (const exchange of topology.exchanges ?? []) {
      core.declareExchange(exchange);
      exchanges.set(exchange.name, exchange);
    }
    for (const queue of topology.queues ?? []) {
      core.declareQueue(queue, peer);
      queues.set(queue.name, queue);
    }
    for (const binding of topology.bindings ?? []) {
      core.bind(binding, peer);
      bindings.set(JSON.stringify([binding.queue, binding.exchange, binding.key]), binding);
    }
  };

  return {
    add,
    again: (core, peer) =>
      add(
        {
          exchanges: [...exchanges.values()],
          queues: [...queues.values()],
          bindings: [...bindings.values()],
        },
        core,
        peer,
      ),
    forget(name) {
      queues.delete(name);
      for (const [key, binding] of bindings) if (binding.queue === name) bindings.delete(key);
    },
  };
}
