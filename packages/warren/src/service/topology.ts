import { eventQueue, orderedQueue, quarantineQueue } from "../events/queues.ts";
import { names } from "../names.ts";
import { tiersOf } from "../retry/policy.ts";
import { deadQueue, deliverExchange, looksAllowed, tierTopology } from "../retry/topology.ts";
import type { Binding, Queue, Topology } from "../transport.ts";
import { mergedTopology } from "./merged-topology.ts";
import type { ReactionOptions, Service } from "./service.ts";

/** The event ids a service listens to, by where they go. */
export interface Interests {
  readonly group: readonly string[];
  readonly ordered: readonly string[];
  readonly everyInstance: readonly string[];
}

export function interests(service: Service): Interests {
  const reactions = Object.entries(
    (service.definition.on ?? {}) as Record<string, Partial<ReactionOptions<any, any>>>,
  );
  const where = ({ to, inOrder }: Partial<ReactionOptions<any, any>>): keyof Interests =>
    to === "every-instance" ? "everyInstance" : inOrder === undefined ? "group" : "ordered";
  const going = (place: keyof Interests): string[] =>
    reactions.filter(([, reaction]) => where(reaction) === place).map(([id]) => id);
  const known = new Set(reactions.map(([id]) => id));
  // An event that only undoes has no order to keep: the journal knows what it finds done, and what it overtook.
  const undoing = new Set(reactions.flatMap(([, { undo }]) => Object.keys(undo ?? {})));
  return {
    group: [...going("group"), ...[...undoing].filter((id) => !known.has(id))],
    ordered: going("ordered"),
    everyInstance: going("everyInstance"),
  };
}

/** What one instance of a service needs on the broker. */
export function serviceTopology(service: Service, instance: string): Topology {
  const name = service.contract.name;
  const { group, ordered, everyInstance } = interests(service);
  const own = names.instance(name, instance);
  const queues: Queue[] = [
    callQueue(name, service.definition.callQueue ?? "classic"),
    { name: own, type: "classic", lifetime: "connection" },
    deadQueue(name),
  ];
  const bindings: Binding[] = [{ queue: own, exchange: names.instanceExchange, key: name }];
  if (group.length > 0) {
    const queue = names.events(name);
    queues.push(eventQueue(queue, name), quarantineQueue(name));
    bindings.push(...eventBindings(queue, group));
  }
  if (ordered.length > 0) {
    queues.push(orderedQueue(name));
    bindings.push(...eventBindings(names.orderedEvents(name), ordered));
  }
  if (everyInstance.length > 0) {
    const queue = names.instanceEvents(name, instance);
    queues.push({ name: queue, type: "classic", lifetime: "connection" });
    bindings.push(...eventBindings(queue, everyInstance));
  }
  return mergedTopology([{ queues, bindings }, ...delayTiers(service)]);
}

/**
 * The delay queues that its reactions may need. Not left to the first retry: failures come when something else is
 * failing, and RabbitMQ 3.10 loses a quorum queue for good whose only node is killed in the seconds after it was declared.
 */
function delayTiers({ definition }: Service): Topology[] {
  const reactions = Object.values(
    (definition.on ?? {}) as Record<string, Partial<ReactionOptions<any, any>>>,
  );
  const delayed = reactions.filter(({ inOrder, undo }) => inOrder === undefined || undo !== undefined);
  const tiers = new Set(delayed.flatMap(({ retry }) => tiersOf(retry ?? definition.retry ?? {})));
  return [...tiers].map(tierTopology);
}

/** Calls are given back when an instance dies, and soon end by their deadlines: the limit is to be out of the way. */
function callQueue(service: string, type: "classic" | "quorum"): Queue {
  const queue = { name: names.requests(service), type, lifetime: "durable" } as const;
  return type === "quorum" ? { ...queue, deliveryLimit: 100 } : queue;
}

/** What a process needs that only hears events. */
export function listenerTopology(queue: string, eventId: string): Topology {
  return {
    exchanges: sharedTopology.exchanges ?? [],
    queues: [{ name: queue, type: "classic", lifetime: "consumer" }],
    bindings: [{ queue, exchange: names.eventExchange, key: eventId }],
  };
}

/**
 * Every app declares it: a call or an event must not fail since no service ever started. What no queue takes from the
 * exchange of events is kept for a day, the latest of it: a subscriber that starts for the first time, or a binding that
 * somebody removed, can be made up for.
 */
export const sharedTopology: Topology = {
  exchanges: [
    { name: names.unheard, type: "fanout" },
    { name: names.eventExchange, type: "topic", alternate: names.unheard },
    { name: names.instanceExchange, type: "direct" },
    deliverExchange,
  ],
  queues: [
    {
      name: names.unheard,
      type: "quorum",
      lifetime: "durable",
      deliveryLimit: looksAllowed,
      maxBytes: 16 * 2 ** 20,
      messageTtlMs: 86_400_000,
    },
  ],
  bindings: [{ queue: names.unheard, exchange: names.unheard, key: "" }],
};

function eventBindings(queue: string, ids: readonly string[]): Binding[] {
  return [
    ...ids.map((id) => ({ queue, exchange: names.eventExchange, key: id })),
    // The way home from the delay queues, and for what is replayed.
    { queue, exchange: names.deliverExchange, key: queue },
  ];
}

/** The queues that all instances of a service share, and no other service: those that outlive each of them. */
export function sharedQueues(service: Service): readonly string[] {
  const { queues = [] } = serviceTopology(service, "");
  const own = `${service.contract.name}.`;
  return queues.flatMap(({ name, lifetime }) => (lifetime === "durable" && name.startsWith(own) ? name : []));
}
