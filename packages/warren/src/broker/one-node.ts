import { withLock } from "../machine/lock.ts";
import { isPortFree } from "../machine/ports.ts";
import { endProcess, isAlive } from "../machine/process.ts";
import { type Clock, delay, systemClock } from "../time.ts";
import { findInstalled } from "./installed.ts";
import { launchNodes } from "./launch.ts";
import { type NodeRecord, nodeFolder, readRecord } from "./record.ts";

export interface NodeOptions {
  /** Gives up starting and ends the node again. */
  readonly signal?: AbortSignal;
  readonly clock?: Clock;
}

export interface EndNodeOptions {
  /** Ends it at once, as a crash does, instead of letting it finish its writing. */
  readonly kill?: boolean;
  readonly clock?: Clock;
}

/**
 * Starts one node of a broker that `brokerUp` started and that has ended since, on its former port, and resolves to
 * its pid once it answers; the other nodes are left as they are. Several may be started at once: of a cluster that is
 * down as a whole, one answers only when most are there. Throws when it runs, its port is taken or it does not start.
 */
export async function nodeUp(dataDir: string, index: number, options: NodeOptions = {}): Promise<number> {
  const { clock = systemClock, signal } = options;
  const launch = await withLock(dataDir, clock, async () => {
    const { node, count } = find(dataDir, index);
    if (isAlive(node)) throw new Error(`Node ${index} in ${dataDir} runs already, as process ${node.pid}.`);
    if (!(await becomesFree(node.port, clock)))
      throw new Error(
        `Port ${node.port} of node ${index} in ${dataDir} was taken by another program meanwhile.`,
      );
    const installed = findInstalled();
    if (installed === undefined) throw new Error("RabbitMQ is not installed any more.");
    const ports = new Map([[index, node.port]]);
    return launchNodes({ dataDir, count, ports, installed, clock, signal });
  });
  // Without the lock: this one may need another one to be started before it answers.
  try {
    await launch.wait();
  } catch (cause) {
    throw await withLock(dataDir, clock, () => launch.undo(cause));
  }
  return withLock(dataDir, clock, async () => {
    launch.settle();
    return find(dataDir, index).node.pid;
  });
}

/** Ends one node and resolves once its process is gone, false when it was not there. The data stays. */
export async function nodeDown(
  dataDir: string,
  index: number,
  options: EndNodeOptions = {},
): Promise<boolean> {
  const { kill = false, clock = systemClock } = options;
  const { node } = find(dataDir, index);
  const ran = isAlive(node);
  await endProcess(node, kill ? 0 : 30_000, clock);
  return ran;
}

/** A process that was killed is gone a moment before its ports are. */
async function becomesFree(port: number, clock: Clock): Promise<boolean> {
  const deadline = clock.now() + 2_000;
  while (!(await isPortFree(port))) {
    if (clock.now() > deadline) return false;
    await delay(clock, 10);
  }
  return true;
}

function find(dataDir: string, index: number): { node: NodeRecord; count: number } {
  const record = readRecord(dataDir);
  if (record === undefined)
    throw new Error(`No broker was started in ${dataDir}. Start it with: npx warren broker up`);
  if (record.kind === "container")
    throw new Error(`The broker in ${dataDir} runs in docker; its node is not started and ended by itself.`);
  const node = record.nodes[index - 1];
  if (node === undefined)
    throw new Error(`${nodeFolder(dataDir, index)} is no node of the ${record.nodes.length} of this broker.`);
  return { node, count: record.nodes.length };
}
