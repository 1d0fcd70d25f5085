import { mkdirSync, realpathSync } from "node:fs";
import { type Clock, systemClock } from "../time.ts";
import { isContainerRunning, removeContainer, removeVolume, stopContainer } from "./container.ts";
import { withLock } from "./lock.ts";
import { firstFreePort, isPortFree } from "./ports.ts";
import { greet } from "./probe.ts";
import { endProcess, isAlive } from "./process.ts";
import { type BrokerRecord, discardData, readRecord, removeRecord } from "./record.ts";
import { start } from "./start.ts";

/** Where the first private broker listens; RabbitMQ's own port is left to the machine's own. */
export const firstPort = 5673;

export interface BrokerOptions {
  /** Holds everything of this broker: data, logs, settings. Made where it is missing. */
  readonly dataDir: string;
  /** @default the first free one from 5673 */
  readonly port?: number;
  /** Gets a line for people about each step that takes time. */
  readonly log?: (line: string) => void;
  /** Gives up starting and ends what was started. */
  readonly signal?: AbortSignal;
  readonly clock?: Clock;
}

/** `silent`: the process is there and does not answer, or not yet. */
export type BrokerStatus =
  | {
      readonly state: "running";
      readonly dataDir: string;
      readonly url: string;
      readonly version: string;
      readonly process: string;
    }
  | { readonly state: "silent"; readonly dataDir: string; readonly url: string; readonly process: string }
  | { readonly state: "stopped"; readonly dataDir: string };

export type RunningBroker = Extract<BrokerStatus, { state: "running" }> & {
  /** False when it ran before. */
  readonly started: boolean;
};

/**
 * Starts a private RabbitMQ node and resolves once it answers; one that runs already is left as it is. Uses the
 * installed RabbitMQ, else installs Debian's where it may, else docker. Throws, with nothing left running, when there
 * is no RabbitMQ to be had, the port is taken, or the node does not start.
 */
export async function brokerUp(options: BrokerOptions): Promise<RunningBroker> {
  const { clock = systemClock, log = () => {}, signal } = options;
  mkdirSync(options.dataDir, { recursive: true });
  const dataDir = realpathSync(options.dataDir);
  return withLock(dataDir, clock, async () => {
    const before = await brokerStatus(dataDir, clock);
    if (before.state === "running") return { ...before, started: false };
    // What does not answer now is hung or half started: nobody else works on this folder while the lock is held.
    await endRecorded(dataDir, clock, "kill");
    await start({ dataDir, log, clock, signal, choosePort: () => choosePort(options.port) });
    const after = await brokerStatus(dataDir, clock);
    if (after.state !== "running")
      throw new Error(`The broker in ${dataDir} answered once and then no more.`);
    return { ...after, started: true };
  });
}

/**
 * Ends exactly what `brokerUp` started in this folder. Resolves to false when nothing ran. The data stays for the
 * next time, unless `discard` is set: then the node is killed and what it wrote is deleted.
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

/** Looks, and changes nothing. */
export async function brokerStatus(dataDir: string, clock: Clock = systemClock): Promise<BrokerStatus> {
  const folder = existing(dataDir) ?? dataDir;
  const record = readRecord(folder);
  const stopped = { state: "stopped", dataDir: folder } as const;
  if (record === undefined) return stopped;
  const found = await lookAt(record);
  if (found === undefined) return stopped;
  const url = `amqp://127.0.0.1:${found.port}`;
  const greeting = await greet("127.0.0.1", found.port, 2_000, clock);
  const isOurs = greeting?.clusterName.startsWith(`${found.name}@`) === true;
  if (!isOurs) return { state: "silent", dataDir: folder, url, process: found.process };
  return { state: "running", dataDir: folder, url, version: greeting.version, process: found.process };
}

/** `keep` lets the node finish its writing, `kill` does not wait for it, `discard` deletes its data as well. */
type Ending = "keep" | "kill" | "discard";

async function endRecorded(dataDir: string, clock: Clock, ending: Ending): Promise<boolean> {
  const record = readRecord(dataDir);
  if (record === undefined) return false;
  const ran = (await lookAt(record)) !== undefined;
  if (record.kind === "process") {
    await Promise.all(record.nodes.map((node) => endProcess(node, ending === "keep" ? 30_000 : 0, clock)));
    await endProcess(record.epmd, 0, clock);
  } else {
    if (ran && ending === "keep") await stopContainer(record.name);
    else await removeContainer(record.name);
    if (ending === "discard") await removeVolume(record.name);
  }
  removeRecord(dataDir);
  return ran;
}

interface Found {
  readonly name: string;
  readonly port: number;
  /** For people. */
  readonly process: string;
}

async function lookAt(record: BrokerRecord): Promise<Found | undefined> {
  if (record.kind === "container") {
    const { name, port } = record;
    return (await isContainerRunning(name)) ? { name, port, process: `container ${name}` } : undefined;
  }
  const node = record.nodes[0];
  if (node === undefined || !isAlive(node)) return undefined;
  return { name: node.name, port: node.port, process: `pid ${node.pid}` };
}

async function choosePort(wanted: number | undefined): Promise<number> {
  if (wanted === undefined) return firstFreePort(firstPort);
  if (await isPortFree(wanted)) return wanted;
  throw new Error(
    `Port ${wanted} on 127.0.0.1 is in use by another program. Name another with --port, or none to get a free one.`,
  );
}

function existing(dataDir: string): string | undefined {
  try {
    return realpathSync(dataDir);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}
