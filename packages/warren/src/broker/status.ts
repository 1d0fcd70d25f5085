import { existing } from "../machine/folders.ts";
import { isAlive } from "../machine/process.ts";
import { type Clock, systemClock } from "../time.ts";
import { isContainerRunning } from "./container.ts";
import { greet } from "./probe.ts";
import { type BrokerRecord, nodeFolder, readRecord } from "./record.ts";

/** `silent`: the process is there and does not answer, or not yet. `stopped`: it is not there. */
export interface NodeStatus {
  /** From 1. */
  readonly index: number;
  /** As Erlang names it, `warren-…@localhost`. */
  readonly name: string;
  readonly state: "running" | "silent" | "stopped";
  readonly port: number;
  readonly url: string;
  /** Of the node itself, or its last one; none when docker runs it. */
  readonly pid: number | undefined;
  /** Holds its data, its logs and its cookie. */
  readonly folder: string;
}

/** The whole is `running` when every node is, and `stopped` when none is there. */
export type BrokerStatus = {
  readonly dataDir: string;
  /** Those that were started since the last `brokerDown`. */
  readonly nodes: readonly NodeStatus[];
  /** Where Erlang finds the nodes by their names; none when docker runs them. */
  readonly epmdPort?: number;
} & (
  | ({ readonly state: "running"; readonly version: string } & Reached)
  | ({ readonly state: "silent" } & Reached)
  | { readonly state: "stopped" }
);

interface Reached {
  /** Of all nodes, with commas between them. */
  readonly url: string;
  /** For people. */
  readonly process: string;
}

/** Looks, and changes nothing. */
export async function brokerStatus(dataDir: string, clock: Clock = systemClock): Promise<BrokerStatus> {
  const folder = existing(dataDir) ?? dataDir;
  const record = readRecord(folder);
  const looks = await Promise.all(await look(folder, record, clock));
  const nodes = looks.map(({ node }) => node);
  if (nodes.every(({ state }) => state === "stopped")) return { state: "stopped", dataDir: folder, nodes };
  const url = nodes.map((node) => node.url).join(",");
  const process = describeProcesses(nodes);
  const epmd = record?.kind === "process" ? { epmdPort: record.epmd.port } : {};
  const reached = { dataDir: folder, nodes, url, process, ...epmd };
  if (nodes.some(({ state }) => state !== "running")) return { state: "silent", ...reached };
  return { state: "running", ...reached, version: looks[0]!.version };
}

interface Look {
  readonly node: NodeStatus;
  readonly version: string;
}

async function look(
  dataDir: string,
  record: BrokerRecord | undefined,
  clock: Clock,
): Promise<Promise<Look>[]> {
  if (record === undefined) return [];
  const nodes =
    record.kind === "process"
      ? record.nodes.map((node) => ({ ...node, pid: node.pid, isThere: isAlive(node) }))
      : [{ ...record, pid: undefined, isThere: await isContainerRunning(record.name) }];
  return nodes.map(async ({ name, port, pid, isThere }, at) => {
    const greeting = isThere ? await greet("127.0.0.1", port, 2_000, clock) : undefined;
    // Whoever else answers on this port is not ours.
    const isOurs = greeting?.clusterName.startsWith(`${name}@`) === true;
    const node: NodeStatus = {
      index: at + 1,
      name: `${name}@localhost`,
      state: isOurs ? "running" : isThere ? "silent" : "stopped",
      port,
      url: `amqp://127.0.0.1:${port}`,
      pid,
      folder: nodeFolder(dataDir, at + 1),
    };
    return { node, version: greeting?.version ?? "" };
  });
}

function describeProcesses(nodes: readonly NodeStatus[]): string {
  const pids = nodes.flatMap(({ pid, state }) => (pid === undefined || state === "stopped" ? [] : [pid]));
  if (pids.length === 0) return `container ${nodes[0]!.name.replace(/@.*/, "")}`;
  return `${pids.length === 1 ? "pid" : "pids"} ${pids.join(", ")}`;
}
