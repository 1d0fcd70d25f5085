import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { anyFreePort } from "../machine/ports.ts";
import { endProcess, identify, isAlive, type ProcessIdentity } from "../machine/process.ts";
import { lastLines } from "../machine/run.ts";
import { type Watched, watch } from "../machine/watched.ts";
import { type Clock, delay } from "../time.ts";
import type { Installed } from "./installed.ts";
import { cookieOf, type NodePlan, nodeOutput, nodePid, startEpmd, startNode } from "./node.ts";
import { greet } from "./probe.ts";
import {
  dataOf,
  type NodeRecord,
  nodeFolder,
  type ProcessRecord,
  readRecord,
  removeRecord,
  writeRecord,
} from "./record.ts";

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
  /** Resolves once all of them answer, as one cluster. Throws, saying why, when they do not. */
  wait(): Promise<void>;
  /** Records which processes are the nodes themselves. */
  settle(): void;
  /** Ends what was started, and names what went wrong. */
  undo(cause: unknown): Promise<Error>;
}

interface Started extends NodePlan {
  readonly index: number;
  /** Nothing was in its folder before. */
  readonly isNew: boolean;
  readonly process: Watched;
}

/** Starts nodes at the same moment: those of a cluster that was down as a whole wait for each other. */
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
      const isNew = !existsSync(dataOf(plan.folder));
      started.push({ ...plan, index, isNew, process: watch(startNode(order.installed, plan)) });
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
    async wait() {
      await waitUntilReady(order, started, () => epmd?.ended());
      for (const node of started) checkMembership(node);
    },
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
  nodes: readonly (Pick<Started, "name" | "port"> & { readonly process?: Watched })[],
  failed: () => string | undefined,
): Promise<void> {
  const deadline = clock.now() + readyWithinMs;
  let waiting = nodes;
  for (;;) {
    const still = [];
    for (const node of waiting) {
      if (signal?.aborted) throw new Error("Starting the broker was given up on request.");
      const end = node.process?.ended() ?? failed();
      if (end !== undefined) throw new Error(`The node ended while it started (${end}).`);
      const greeting = await greet("127.0.0.1", node.port, 1_000, clock);
      if (greeting?.clusterName.startsWith(`${node.name}@`) !== true) still.push(node);
    }
    waiting = still;
    if (waiting.length === 0) return;
    if (clock.now() > deadline) {
      const ports = waiting.map(({ port }) => port).join(", ");
      throw new Error(`The node does not answer on port ${ports} after ${readyWithinMs / 1000} s.`);
    }
    await delay(clock, 50, signal);
  }
}

/** A node that could not join the others when it was new runs all the same, as a cluster of its own. */
function checkMembership({ folder, name, peers }: Started): void {
  const path = join(dataOf(folder), `${name}@localhost`, "cluster_nodes.config");
  if (peers.length > 1 && !readFileSync(path, "utf8").includes(`${peers[0]}@localhost`))
    throw new Error(`The node ${name} runs, but did not join the cluster.`);
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
  // Half a start: the next one would take it for a node of its own.
  for (const { isNew, folder } of started)
    if (isNew) rmSync(dataOf(folder), { recursive: true, force: true });
  // A name service that ran before is still to be ended, by whoever ends the rest.
  const record = processRecord(dataDir);
  const isOver = record === undefined || ![record.epmd, ...record.nodes].some(isAlive);
  if (isOver) removeRecord(dataDir);
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
