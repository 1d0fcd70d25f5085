import { randomInt } from "node:crypto";
import { cpSync, existsSync, mkdtempSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { brokerDown, brokerUp } from "warren/broker";
import { type Control, isServing, startControl } from "./control.ts";
import { discardAtEnd } from "./guard.ts";
import { type FaultNode, faultNode } from "./node.ts";
import { heal, partition } from "./partition.ts";
import { type Evaluate, type TopologyFaults, topologyFaults } from "./topology.ts";

export interface NodesOptions {
  /** 1, or several that are a cluster. */
  readonly count: number;
  /**
   * Where a cluster of this size is kept as it is after its forming: a copy of it starts in half the time. Filled by
   * the first call that names it.
   */
  readonly seedFolder?: string;
  /** Gets a line for people about each step that takes time. */
  readonly log?: (line: string) => void;
}

/** RabbitMQ nodes of their own, and what can be done to them. */
export interface Nodes extends TopologyFaults {
  readonly nodes: readonly FaultNode[];
  /** Of all nodes, with commas between them, as `AMQP_URL` takes it. */
  readonly url: string;
  /** Of RabbitMQ. */
  readonly version: string;
  /** The node of a name that `leaderOf` gave. */
  node(name: string): FaultNode;
  /** Cuts the cluster into groups of node indexes, `[[1], [2, 3]]`, each without a way to the others. */
  partition(groups: readonly (readonly number[])[]): Promise<void>;
  /**
   * Ends the partition, and resolves when RabbitMQ runs as one cluster on all nodes that were not ended or paused.
   * Gives those on which it had to be restarted, as an operator would: they had not noticed that they were apart.
   */
  heal(): Promise<readonly FaultNode[]>;
  /** Ends all of it and deletes what was written. The same happens when this process ends, however it ends. */
  stop(): Promise<void>;
}

/** Starts nodes for faults. Throws, with nothing left behind, when they do not start. */
export async function startNodes({ count, seedFolder, log = () => {} }: NodesOptions): Promise<Nodes> {
  const dataDir = mkdtempSync(join(tmpdir(), "warren-faults-"));
  const discard = discardAtEnd(dataDir);
  let control: Control | undefined;
  try {
    if (seedFolder !== undefined) await copySeed(seedFolder, dataDir, count, log);
    const broker = await brokerUp({ dataDir, nodes: count, log, port: await freePorts(count) });
    if (broker.epmdPort === undefined)
      throw new Error(
        "Faults need RabbitMQ installed on this machine; in docker its nodes are out of reach.",
      );
    const own = startControl({
      folder: broker.nodes[0]!.folder,
      epmdPort: broker.epmdPort,
      // What the broker sets for its nodes, and Erlang's own for a single one.
      tickSeconds: count === 1 ? 60 : 5,
    });
    control = own;
    const nodes = broker.nodes.map((status) => faultNode(dataDir, status, own));
    const evaluate: Evaluate = async (expression, timeoutMs) =>
      (await findServing(nodes, own)).evaluate(expression, timeoutMs);
    await findServing(nodes, own);
    return {
      ...topologyFaults(evaluate),
      nodes,
      url: broker.url,
      version: broker.version,
      node: (name) => named(nodes, name),
      partition: (groups) => partition(nodes, groups),
      heal: () => heal(nodes),
      async stop() {
        await own.stop();
        await discard();
      },
    };
  } catch (error) {
    await control?.stop();
    await discard();
    throw error;
  }
}

/**
 * The first of `count` free ports in a row, away from those that brokers take by themselves: nobody else is to take
 * the port of a node while it is down.
 */
async function freePorts(count: number): Promise<number> {
  for (;;) {
    const first = randomInt(20_000, 25_900);
    const all = await Promise.all(Array.from({ length: count }, (_, at) => isFree(first + at)));
    if (all.every(Boolean)) return first;
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}

/** A node that has just been restarted or resumed may not answer at once. */
const answersWithinMs = 10_000;

/**
 * The first node on which RabbitMQ runs: not one that was ended or paused, or is cut off from the others. Waits a while
 * for one.
 */
async function findServing(nodes: readonly FaultNode[], control: Control): Promise<FaultNode> {
  const until = performance.now() + answersWithinMs;
  const running = nodes.filter(({ state }) => state === "running");
  while (running.length > 0 && performance.now() < until) {
    for (const node of running) if (await isServing(control, node.name)) return node;
    await sleep(100);
  }
  const states = nodes.map(({ index, state }) => `node ${index} ${state}`).join(", ");
  throw new Error(`RabbitMQ runs on no node that could do this (${states}).`);
}

function named(nodes: readonly FaultNode[], name: string): FaultNode {
  const found = nodes.find((node) => node.name === name);
  if (found === undefined) throw new Error(`There is no node ${name} here.`);
  return found;
}

async function copySeed(
  seedFolder: string,
  dataDir: string,
  count: number,
  log: (line: string) => void,
): Promise<void> {
  if (!existsSync(join(seedFolder, `node-${count}`, "mnesia"))) {
    await brokerUp({ dataDir: seedFolder, nodes: count, log });
    await brokerDown(seedFolder);
  }
  for (let index = 1; index <= count; index++) {
    const folder = `node-${index}`;
    cpSync(join(seedFolder, folder), join(dataDir, folder), { recursive: true, preserveTimestamps: true });
  }
}
