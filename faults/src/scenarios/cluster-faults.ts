import { pick } from "../nemesis/random.ts";
import type { FaultNode } from "../nodes/index.ts";
import { portOpened } from "./node-faults.ts";
import type { Fault } from "./scenario.ts";
import type { World } from "./world.ts";

export const killLeader: Fault = {
  name: "kill -9 of the leader",
  async strike(world) {
    const node = await leader(world);
    await node.kill();
    return async () => portOpened(await node.restart());
  },
};

export const killFollower: Fault = {
  name: "kill -9 of a follower",
  async strike(world, chance) {
    const node = pick(() => chance, await followers(world));
    await node.kill();
    return async () => portOpened(await node.restart());
  },
};

export const stopAppOfLeader: Fault = {
  name: "stop_app of the leader",
  async strike(world) {
    const node = await leader(world);
    await node.stopApp();
    return async () => portOpened(await node.startApp());
  },
};

export const freezeLeader: Fault = {
  name: "SIGSTOP of the leader",
  async strike(world) {
    const node = await leader(world);
    node.pause();
    return async () => {
      node.resume();
      await world.nodes.heal();
    };
  },
};

export const transferLeader: Fault = {
  name: "leader transfer",
  async strike(world, chance) {
    const next = pick(() => chance, await followers(world));
    await world.nodes.transferLeader(world.eventsQueue, next.name, world.vhost);
    return undefined;
  },
};

export const rollNodes: Fault = {
  name: "restart of each node in turn",
  async strike({ nodes }) {
    for (const node of nodes.nodes) {
      await node.stopGracefully();
      await node.restart();
    }
    return undefined;
  },
};

export const killAllNodes: Fault = {
  name: "kill -9 of all nodes",
  async strike({ nodes }) {
    await Promise.all(nodes.nodes.map((node) => node.kill()));
    return async () => {
      const back = await Promise.all(nodes.nodes.map((node) => node.restart()));
      return portOpened(back[0]);
    };
  },
};

export const isolateLeader: Fault = {
  name: "partition: the leader alone",
  async strike(world) {
    const alone = await leader(world);
    return cut(world, [alone]);
  },
};

export const isolateOne: Fault = {
  name: "partition: one node alone",
  strike: (world, chance) => cut(world, [pick(() => chance, world.nodes.nodes)]),
};

export const isolateAll: Fault = {
  name: "partition: every node alone",
  async strike({ nodes }) {
    await nodes.partition(nodes.nodes.map(({ index }) => [index]));
    return async () => void (await nodes.heal());
  },
};

/** Two of three nodes do not reach each other, and the third reaches both: everyone sees a majority, not the same one. */
export const ring: Fault = {
  name: "partition: a link between two of three",
  async strike({ nodes }, chance) {
    const middle = pick(() => chance, nodes.nodes);
    const [one, other] = nodes.nodes.filter((node) => node !== middle) as [FaultNode, FaultNode];
    await refuse(one, other);
    await refuse(other, one);
    await one.evaluate(`erlang:disconnect_node('${other.name}')`);
    return async () => void (await nodes.heal());
  },
};

/** A partition that comes and goes. */
export const flap: Fault = {
  name: "partition that flaps",
  async strike(world, chance) {
    const alone = pick(() => chance, world.nodes.nodes);
    for (let i = 0; i < 3; i++) {
      const heal = await cut(world, [alone]);
      await heal();
    }
    return undefined;
  },
};

function refuse(node: FaultNode, other: FaultNode): Promise<string> {
  return node.evaluate(`erlang:set_cookie('${other.name}', cut_off_by_faults)`);
}

async function cut({ nodes }: World, alone: readonly FaultNode[]): Promise<() => Promise<undefined>> {
  const rest = nodes.nodes.filter((node) => !alone.includes(node));
  await nodes.partition([alone.map(({ index }) => index), rest.map(({ index }) => index)]);
  return async () => {
    await nodes.heal();
    return undefined;
  };
}

async function leader(world: World): Promise<FaultNode> {
  return world.nodes.node(await world.nodes.leaderOf(world.eventsQueue, world.vhost));
}

async function followers(world: World): Promise<readonly FaultNode[]> {
  const first = await leader(world);
  return world.nodes.nodes.filter((node) => node !== first);
}
