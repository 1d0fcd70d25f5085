import type { ChildProcess } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Clock, delay } from "../time.ts";
import type { Installed } from "./installed.ts";
import { cookieOf, type NodePlan, nodeOutput, nodePid, startEpmd, startNode } from "./node.ts";
import { anyFreePort } from "./ports.ts";
import { greet } from "./probe.ts";
import { endProcess, identify, isAlive, type ProcessIdentity } from "./process.ts";
import {
  type NodeRecord,
  nodeFolder,
  type ProcessRecord,
  readRecord,
  removeRecord,
  writeRecord,
} from "./record.ts";
import { lastLines } from "./run.ts";

/** A first start with a cold disk takes 10 s at worst, a cluster 30 s; a container's image was pulled before. */
const readyWithinMs = 90_000;

export interface LaunchOrder {
  readonly dataDir: string;
  /** How many nodes the folder has in all. */
  readonly count: number;
  /** Which of them to start, and on which ports. */
  readonly ports: ReadonlyMap<number, number>;
  readonly installed: Installed;
  readonly clock: Clock;
  readonly signal: AbortSignal | undefined;
}

/** Processes that were started and recorded, and do not answer yet. Needs the folder's lock but for `wait`. */
export interface Launch {
  /** Resolves once all of them answer, and as one cluster. Throws, saying why, when they do not. */
  wait(): Promise<void>;
  /** Records which processes are the nodes themselves. */
  settle(): void;
  /** Ends what was started, and names what went wrong. */
  undo(cause: unknown): Promise<Error>;
}

interface Started extends NodePlan {
  readonly index: number;
  readonly process: Watched;
}

/** Starts nodes at the same moment: those of a new cluster find each other while they start. */
export async function launchNodes(order: LaunchOrder): Promise<Launch> {
  const { dataDir, count } = order;
  const before = processRecord(dataDir);
  const kept = before !== undefined && isAlive(before.epmd) ? before.epmd : undefined;
  const plans = await planNodes(order, kept?.port ?? (await anyFreePort()));
  const started: Started[] = [];
  let epmd: Watched | undefined;
  try {
    if (kept === undefined) epmd = watch(startEpmd(order.installed, plans[0]![1]));
    for (const [index, plan] of plans) {
      writeFileSync(join(plan.folder, "output.log"), "");
      started.push({ ...plan, index, process: watch(startNode(order.installed, plan)) });
    }
    const record = (identities: ReadonlyMap<number, NodeRecord>): void => {
      const nodes = Array.from({ length: count }, (_, at) => identities.get(at + 1) ?? before?.nodes[at]);
      const service = kept ?? { ...epmd!.identity(), port: plans[0]![1].epmdPort };
      writeRecord(dataDir, {
        kind: "process",
        nodes: nodes.filter((node) => node !== undefined),
        epmd: service,
      });
    };
    record(new Map(started.map((node) => [node.index, recordOf(node, node.process.identity())])));
  } catch (cause) {
    throw await undo(order, started, epmd, cause);
  }
  return {
    wait: () => waitUntilReady(order, started, () => epmd?.ended()),
    settle: () => settle(dataDir, started),
    undo: (cause) => undo(order, started, epmd, cause),
  };
}

async function planNodes(order: LaunchOrder, epmdPort: number): Promise<[index: number, plan: NodePlan][]> {
  const { dataDir, count } = order;
  const peers = Array.from({ length: count }, (_, at) => nodeName(dataDir, at + 1, count));
  const cookie = cookieOf(nodeFolder(dataDir, 1));
  return Promise.all(
    [...order.ports].map(async ([index, port]) => {
      const folder = nodeFolder(dataDir, index);
      const distPort = await anyFreePort();
      return [index, { name: peers[index - 1]!, folder, port, distPort, epmdPort, peers, cookie }] as const;
    }),
  ) as Promise<[number, NodePlan][]>;
}

/** The same for every start in a folder, and for no other folder: the node's data is kept under this name. */
export function nodeName(dataDir: string, index: number, count: number): string {
  const folder = nodeFolder(dataDir, index);
  const path = join(folder, "name");
  if (existsSync(path)) return readFileSync(path, "utf8").trim();
  const name = `warren-${createHash("sha256").update(dataDir).digest("hex").slice(0, 10)}`;
  mkdirSync(folder, { recursive: true });
  writeFileSync(path, `${count === 1 ? name : `${name}-${index}`}\n`);
  return nodeName(dataDir, index, count);
}

/** A node that another folder's node was faster than answers, too; its cluster name tells them apart. */
export async function waitUntilReady(
  { clock, signal }: Pick<LaunchOrder, "clock" | "signal">,
  nodes: readonly (Pick<Started, "name" | "port" | "peers"> & { readonly process?: Watched })[],
  failed: () => string | undefined,
): Promise<void> {
  const deadline = clock.now() + readyWithinMs;
  const clusterNames = new Map<number, string>();
  for (;;) {
    if (signal?.aborted) throw new Error("Starting the broker was given up on request.");
    for (const { name, port, peers, process } of nodes) {
      const end = process?.ended() ?? failed();
      if (end !== undefined) throw new Error(`The node ended while it started (${end}).`);
      if (clusterNames.has(port)) continue;
      const clusterName = (await greet("127.0.0.1", port, 1_000, clock))?.clusterName ?? "";
      if (peers.some((peer) => clusterName.startsWith(`${peer}@`))) clusterNames.set(port, clusterName);
      else if (clock.now() > deadline)
        throw new Error(`The node ${name} does not answer on port ${port} after ${readyWithinMs / 1000} s.`);
    }
    if (clusterNames.size === nodes.length) break;
    await delay(clock, 50, signal);
  }
  if (new Set(clusterNames.values()).size > 1)
    throw new Error(
      "The nodes run, but did not find each other to form one cluster. Delete what they wrote and start again: npx warren broker down --discard",
    );
}

function settle(dataDir: string, started: readonly Started[]): void {
  const record = processRecord(dataDir);
  if (record === undefined) return;
  const nodes = record.nodes.map((node) => {
    const own = started.find(({ name }) => name === node.name);
    const pid = own === undefined ? undefined : nodePid(own.folder);
    const itself = pid === undefined ? undefined : identify(pid);
    return own === undefined || itself === undefined ? node : recordOf(own, itself);
  });
  writeRecord(dataDir, { ...record, nodes });
}

async function undo(
  order: LaunchOrder,
  started: readonly Started[],
  epmd: Watched | undefined,
  cause: unknown,
): Promise<Error> {
  const { dataDir, clock, signal } = order;
  const ended = started.find((node) => node.process.ended() !== undefined) ?? started[0];
  const all = [...started.map((node) => node.process), ...(epmd === undefined ? [] : [epmd])];
  await Promise.all(
    all.map(async (process) => {
      if (process.ended() === undefined) await endProcess(process.identity(), 0, clock);
    }),
  );
  const others = processRecord(dataDir)?.nodes.filter(isAlive) ?? [];
  if (others.length === 0) removeRecord(dataDir);
  const folder = ended?.folder ?? nodeFolder(dataDir, 1);
  return startFailure(cause, folder, signal?.aborted ? "" : nodeOutput(folder));
}

/** Names what went wrong, and quotes the node where it ended by itself. */
export function startFailure(cause: unknown, folder: string, output: string): Error {
  const what = cause instanceof Error ? cause.message : String(cause);
  const words = lastLines(output, 6);
  if (words === "") return new Error(what, { cause });
  return new Error(`${what} Its last words (more under ${folder}):\n${words}`, { cause });
}

function recordOf({ name, port }: Started, { pid, started }: ProcessIdentity): NodeRecord {
  return { pid, started, name, port };
}

function processRecord(dataDir: string): ProcessRecord | undefined {
  const record = readRecord(dataDir);
  return record?.kind === "process" ? record : undefined;
}

interface Watched {
  /** How it ended, or `undefined` while it runs. */
  ended(): string | undefined;
  /** Throws when it could not be started or ended at once. */
  identity(): ProcessIdentity;
}

function watch(child: ChildProcess): Watched {
  let end: string | undefined;
  const identity = child.pid === undefined ? undefined : identify(child.pid);
  child.once("error", (error) => {
    end = error.message;
  });
  child.once("exit", (code, signal) => {
    end = signal ?? `exit code ${code}`;
  });
  return {
    ended: () => end,
    identity() {
      if (identity === undefined)
        throw new Error(`${child.spawnfile} could not be started (${end ?? "no process"}).`);
      return identity;
    },
  };
}
