import { names } from "warren";
import { ledger, workerName } from "../processes/message.ts";
import type { Fault } from "./scenario.ts";
import type { World } from "./world.ts";

/** The queue of events goes, under its consumers and while messages arrive. */
export const deleteEvents: Fault = {
  name: "deletion of the queue of events",
  async strike(world) {
    const goOn = await world.quiesce();
    await world.nodes.deleteQueue(world.eventsQueue, world.vhost);
    goOn();
    return undefined;
  },
};

/** The same for a queue that happens to be empty, and whose users notice only when they need it. */
export const deleteDead: Fault = {
  name: "deletion of the queue of dead letters",
  async strike(world) {
    const goOn = await world.quiesce();
    await world.nodes.deleteQueue(names.dead(workerName(world.run)), world.vhost);
    goOn();
    return undefined;
  },
};

/** Every delay queue, with its exchange left standing: what is published to it reaches nobody. */
export const deleteTiers: Fault = {
  name: "deletion of the delay queues",
  async strike(world) {
    const goOn = await world.quiesce();
    for (const queue of await tiers(world)) await world.nodes.deleteQueue(queue, world.vhost);
    goOn();
    return undefined;
  },
};

/** The exchanges in front of the delay queues: publishing to one ends the channel. */
export const deleteTierExchanges: Fault = {
  name: "deletion of the delay exchanges",
  async strike(world) {
    for (const exchange of await tiers(world)) await world.nodes.deleteExchange(exchange, world.vhost);
    return undefined;
  },
};

export const deleteEventExchange: Fault = {
  name: "deletion of the exchange of events",
  async strike({ nodes, vhost }) {
    await nodes.deleteExchange(names.eventExchange, vhost);
    return undefined;
  },
};

/** Somebody removes a binding by mistake, and puts it back. */
export const removeBinding: Fault = {
  name: "removal of the binding",
  async strike({ nodes, vhost, run, admin, eventsQueue: queue }) {
    const key = ledger(run).events.moved.id;
    await nodes.unbind(names.eventExchange, queue, key, vhost);
    return async () => {
      await admin.use((channel) => channel.bindQueue(queue, names.eventExchange, key));
    };
  },
};

/** An operator limits the queue of events while it is used: beyond the limit the broker refuses. */
export const limitQueue: Fault = {
  name: "limit of 20 messages by policy",
  async strike({ nodes, vhost, eventsQueue }) {
    const pattern = `^${eventsQueue.replaceAll(".", "\\.")}$`;
    const definition = { "max-length": 20, overflow: "reject-publish" };
    await nodes.setPolicy({ name: "faults-limit", pattern, definition }, vhost);
    return () => nodes.clearPolicy("faults-limit", vhost);
  },
};

/**
 * An operator gives the messages in the queue of events a short life, by policy: the broker makes dead letters of them.
 * Afterwards somebody replays these.
 */
export const expireEvents: Fault = {
  name: "time limit of 20 ms by policy, and a replay",
  async strike({ nodes, vhost, eventsQueue, replay }) {
    const pattern = `^${eventsQueue.replaceAll(".", "\\.")}$`;
    await nodes.setPolicy({ name: "faults-expire", pattern, definition: { "message-ttl": 20 } }, vhost);
    return async () => {
      await nodes.clearPolicy("faults-expire", vhost);
      await replay();
    };
  },
};

async function tiers({ nodes, vhost }: World): Promise<string[]> {
  const all = await nodes.queueNames(vhost);
  return all.filter((name) => name.startsWith("warren.delay."));
}
