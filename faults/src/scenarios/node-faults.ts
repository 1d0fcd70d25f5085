import { monotonicMs } from "../history/entry.ts";
import { pick } from "../nemesis/random.ts";
import type { FaultNode, Nodes, Restarted } from "../nodes/index.ts";
import type { Fault } from "./scenario.ts";

/** The broker's node ends in order and starts again, as for an update. */
export const restartNode: Fault = nodeFault("restart of a node", async (node) => {
  await node.stopGracefully();
  return () => node.restart();
});

export const killNode: Fault = nodeFault("kill -9 of a node", async (node) => {
  await node.kill();
  return () => node.restart();
});

export const stopApp: Fault = nodeFault("stop_app of a node", async (node) => {
  await node.stopApp();
  return () => node.startApp();
});

/** It neither answers nor closes anything. */
export const freezeNode: Fault = nodeFault("SIGSTOP of a node", async (node) => {
  node.pause();
  return async () => {
    node.resume();
    return undefined;
  };
});

export const memoryAlarm: Fault = nodeFault("memory alarm", async (node) => {
  await node.memoryAlarm(true);
  return () => node.memoryAlarm(false);
});

export const diskAlarm: Fault = nodeFault("disk alarm", async (node) => {
  await node.diskAlarm(true);
  return () => node.diskAlarm(false);
});

/** What is to be published waits in the processes, and is gone with them: none of it may have been acknowledged. */
export const alarmAndKill: Fault = {
  name: "kill -9 of all workers during a memory alarm",
  async strike({ nodes, workers }) {
    await Promise.all(workers.map((worker) => worker.ready()));
    const [node] = nodes.nodes as [FaultNode];
    await node.memoryAlarm(true);
    return async () => {
      for (const worker of workers) worker.signal("SIGKILL");
      await node.memoryAlarm(false);
    };
  },
};

/** As when its message store crashed: connections stay, queues go and come. */
export const restartVhost: Fault = {
  name: "restart of the virtual host",
  async strike({ nodes, vhost }) {
    await nodes.restartVhost(vhost);
    return undefined;
  },
};

/** `strike` gives back what undoes it. Which node is left to chance. */
function nodeFault(
  name: string,
  strike: (node: FaultNode, nodes: Nodes) => Promise<() => Promise<Restarted | void>>,
): Fault {
  return {
    name,
    async strike({ nodes }, chance) {
      const undo = await strike(
        pick(() => chance, nodes.nodes),
        nodes,
      );
      return async () => portOpened(await undo());
    },
  };
}

/** A node counts as back from when its port is open, not from when everything in it has started. */
export function portOpened(restarted: Restarted | void): number | undefined {
  if (!restarted) return undefined;
  return monotonicMs() - (Date.now() - restarted.portOpenedAtMs);
}
