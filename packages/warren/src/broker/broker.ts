import { mkdirSync, realpathSync } from "node:fs";
import { existing } from "../machine/folders.ts";
import { withLock } from "../machine/lock.ts";
import { endProcess, isAlive } from "../machine/process.ts";
import { type Clock, systemClock } from "../time.ts";
import { isContainerRunning, removeContainer, removeVolume, stopContainer } from "./container.ts";
import { choosePorts } from "./ports.ts";
import { countNodes, discardData, readRecord, removeRecord } from "./record.ts";
import { start } from "./start.ts";
import { type BrokerStatus, brokerStatus } from "./status.ts";

export interface BrokerOptions {
  /** Holds everything of this broker: data, logs, settings. Made where it is missing. */
  readonly dataDir: string;
  /** More than one is a cluster on this machine, 5 at most. @default as many as the folder has, or 1 */
  readonly nodes?: number;
  /** Of the first node; the others have the next ones. @default the first free ones from 5673 */
  readonly port?: number;
  /** Gets a line for people about each step that takes time. */
  readonly log?: (line: string) => void;
  /** Gives up starting and ends what was started. */
  readonly signal?: AbortSignal;
  readonly clock?: Clock;
}

export type RunningBroker = Extract<BrokerStatus, { state: "running" }> & {
  /** False when it ran before. */
  readonly started: boolean;
};

/**
 * Starts a private RabbitMQ node or cluster and resolves once every node answers. Nodes that run already are left as
 * they are, missing ones are started. Uses the installed RabbitMQ, else installs Debian's where it may, else docker
 * (one node only). Throws, with nothing left running that it started, when there is no RabbitMQ to be had, a port is
 * taken, a node does not start, or the folder holds another number of nodes.
 */
export async function brokerUp(options: BrokerOptions): Promise<RunningBroker> {
  const { clock = systemClock, log = () => {}, signal } = options;
  mkdirSync(options.dataDir, { recursive: true });
  const dataDir = realpathSync(options.dataDir);
  return withLock(dataDir, clock, async () => {
    const count = nodeCount(dataDir, options.nodes);
    const before = await brokerStatus(dataDir, clock);
    if (before.state === "running") return { ...before, started: false };
    // What does not answer now is hung or half started: nobody else works on this folder while the lock is held.
    await endSilent(before, clock);
    const running = before.nodes.filter(({ state }) => state === "running");
    const missing = Array.from({ length: count }, (_, at) => at + 1).filter(
      (index) => !running.some((node) => node.index === index),
    );
    const kept = running.length === 0 ? undefined : before.nodes;
    await start({
      ...{ dataDir, count, missing, log, clock, signal },
      choosePorts: (indexes) => choosePorts(indexes, options.port, kept),
    });
    const after = await brokerStatus(dataDir, clock);
    if (after.state !== "running")
      throw new Error(`The broker in ${dataDir} answered once and then no more.`);
    return { ...after, started: true };
  });
}

/**
 * Ends exactly what `brokerUp` started in this folder. Resolves to false when nothing ran. The data stays for the
 * next time, unless `discard` is set: then the nodes are killed and what they wrote is deleted.
 */
export async function brokerDown(
  dataDir: string,
  options: { readonly discard?: boolean; readonly clock?: Clock } = {},
): Promise<boolean> {
  const { discard = false, clock = systemClock } = options;
  const folder = existing(dataDir);
  if (folder === undefined) return false;
  const ended = await withLock(folder, clock, () => endRecorded(folder, clock, discard ? "discard" : "keep"));
  if (discard) discardData(folder);
  return ended;
}

/** `keep` lets the nodes finish their writing, `kill` does not wait for it, `discard` deletes the data as well. */
type Ending = "keep" | "kill" | "discard";

async function endRecorded(dataDir: string, clock: Clock, ending: Ending): Promise<boolean> {
  const record = readRecord(dataDir);
  if (record === undefined) return false;
  let ran: boolean;
  if (record.kind === "process") {
    ran = record.nodes.some(isAlive);
    // All at once: what a cluster has confirmed is on the disks of most nodes, and they start together again.
    await Promise.all(record.nodes.map((node) => endProcess(node, ending === "keep" ? 30_000 : 0, clock)));
    await endProcess(record.epmd, 0, clock);
  } else {
    ran = await isContainerRunning(record.name);
    if (ran && ending === "keep") await stopContainer(record.name);
    else await removeContainer(record.name);
    if (ending === "discard") await removeVolume(record.name);
  }
  removeRecord(dataDir);
  return ran;
}

/** Ends what is there and does not answer; all of it, name service included, when no node of the folder answers. */
async function endSilent({ dataDir, nodes }: BrokerStatus, clock: Clock): Promise<void> {
  const record = readRecord(dataDir);
  if (record?.kind !== "process" || nodes.every(({ state }) => state !== "running")) {
    await endRecorded(dataDir, clock, "kill");
    return;
  }
  const silent = record.nodes.filter((_, at) => nodes[at]?.state === "silent");
  await Promise.all(silent.map((node) => endProcess(node, 0, clock)));
}

function nodeCount(dataDir: string, wanted: number | undefined): number {
  const there = countNodes(dataDir);
  if (wanted === undefined) return Math.max(1, there);
  if (!Number.isInteger(wanted) || wanted < 1 || wanted > 5)
    throw new Error(`A broker has 1 to 5 nodes, not ${wanted}.`);
  if (there === 0 || there === wanted) return wanted;
  const named = there === 1 ? "one node" : `${there} nodes`;
  throw new Error(
    `${dataDir} holds a broker of ${named}, not of ${wanted}. Use another folder (--data), or delete this broker and its data first: npx warren broker down --discard --data "${dataDir}"`,
  );
}
