import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { searchPath } from "../machine/programs.ts";
import type { Installed } from "./installed.ts";
import { dataOf } from "./record.ts";

export interface NodePlan {
  readonly name: string;
  readonly folder: string;
  /** AMQP, distribution and name service, all on loopback only. */
  readonly port: number;
  readonly distPort: number;
  readonly epmdPort: number;
  /** All nodes of the cluster, this one included. A single one is no cluster. */
  readonly peers: readonly string[];
  /** What Erlang nodes know each other by. */
  readonly cookie: string;
}

/**
 * Starts the name service of one data folder in the foreground, so that its process is known and can be ended. The
 * machine's usual one on 4369 is neither used nor disturbed.
 */
export function startEpmd(installed: Installed, plan: NodePlan): ChildProcess {
  return startDetached(installed.epmd, ["-address", "127.0.0.1", "-port", String(plan.epmdPort)], plan);
}

/** The cookie in a node's folder, or a new one where there is none yet. */
export function cookieOf(folder: string): string {
  const path = cookiePath(folder);
  return existsSync(path) ? readFileSync(path, "utf8").trim() : randomBytes(20).toString("hex");
}

/** Starts a node as a process of its own that outlives this one; its first words go to `output.log`. */
export function startNode(installed: Installed, plan: NodePlan): ChildProcess {
  prepareFolder(plan);
  return startDetached(installed.server, ["-noinput"], plan);
}

/** What the node wrote to its terminal since it was last started. */
export function nodeOutput(folder: string): string {
  const path = join(folder, "output.log");
  return existsSync(path) ? readFileSync(path, "utf8") : "";
}

/** The number of the process that is the node itself, which differs from the started one under some packages. */
export function nodePid(folder: string): number | undefined {
  const path = join(folder, "pid");
  const pid = existsSync(path) ? Number(readFileSync(path, "utf8").trim()) : Number.NaN;
  return Number.isInteger(pid) && pid > 0 ? pid : undefined;
}

function startDetached(program: string, args: string[], plan: NodePlan): ChildProcess {
  const output = openSync(join(plan.folder, "output.log"), "a", 0o600);
  try {
    const child = spawn(program, args, {
      cwd: plan.folder,
      detached: true,
      env: environment(plan),
      stdio: ["ignore", output, output],
    });
    child.unref();
    return child;
  } finally {
    closeSync(output);
  }
}

function prepareFolder(plan: NodePlan): void {
  const { folder, cookie } = plan;
  for (const part of [dataOf(folder), join(folder, "log")]) mkdirSync(part, { recursive: true });
  // Erlang refuses a cookie that others may read.
  if (!existsSync(cookiePath(folder))) writeFileSync(cookiePath(folder), cookie, { mode: 0o400 });
  writeFileSync(join(folder, "enabled_plugins"), "[].\n");
  writeFileSync(join(folder, "advanced.config"), settings(plan));
}

function cookiePath(folder: string): string {
  return join(folder, ".erlang.cookie");
}

/**
 * After how long RabbitMQ's dead-lettering sends again what no queue confirmed. It does not try earlier when a leader
 * went away, so by its own default a retry that came home just then is three minutes late, and those behind it too.
 */
const deadLetteringAgainMs = 10_000;

/**
 * A new cluster is founded by its first node, which looks for nobody; the others join it. Asking all to find each
 * other ends, on a busy machine, in two clusters, and takes longer.
 * Erlang terms, not rabbitmq.conf: the latter is translated at every start, which takes longer than this node's work.
 */
function settings({ name, port, peers }: NodePlan): string {
  const cluster =
    peers.length === 1
      ? ""
      : `,
    {cluster_nodes, {[${name === peers[0] ? "" : `'${peers[0]}@localhost', '${name}@localhost'`}], disc}},
    {cluster_partition_handling, pause_minority}`;
  return `[
  {rabbit, [
    {tcp_listeners, [{"127.0.0.1", ${port}}]},
    {dead_letter_worker_publisher_confirm_timeout, ${deadLetteringAgainMs}}${cluster}]},
  {ra, [{wal_max_size_bytes, 33554432}]}
].
`;
}

/**
 * Everything the node reads of its environment. Nothing of the caller's gets in but the PATH: RABBITMQ_ and ERL_
 * variables of the machine's own node would send this one to that one's folders.
 */
function environment({ folder, name, port, distPort, epmdPort, peers }: NodePlan): NodeJS.ProcessEnv {
  return {
    PATH: searchPath(),
    LANG: "C.UTF-8",
    HOME: folder,
    RABBITMQ_NODENAME: `${name}@localhost`,
    RABBITMQ_NODE_IP_ADDRESS: "127.0.0.1",
    RABBITMQ_NODE_PORT: String(port),
    RABBITMQ_DIST_PORT: String(distPort),
    RABBITMQ_CONF_ENV_FILE: "/dev/null",
    RABBITMQ_CONFIG_FILE: join(folder, "rabbitmq"),
    RABBITMQ_ADVANCED_CONFIG_FILE: join(folder, "advanced.config"),
    RABBITMQ_ENABLED_PLUGINS_FILE: join(folder, "enabled_plugins"),
    RABBITMQ_MNESIA_BASE: dataOf(folder),
    RABBITMQ_LOG_BASE: join(folder, "log"),
    RABBITMQ_PID_FILE: join(folder, "pid"),
    RABBITMQ_PLUGINS_EXPAND_DIR: join(folder, "plugins"),
    RABBITMQ_GENERATED_CONFIG_DIR: join(folder, "config"),
    // With this and "-noinput" the script becomes the node instead of waiting beside it.
    RABBITMQ_ALLOW_INPUT: "true",
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: [
      // Several nodes share the machine, and a lost one is to be noticed within seconds.
      peers.length === 1 ? "+S 2:2" : "+S 1:1 -kernel net_ticktime 5",
      "+sbwt none +sbwtdcpu none +sbwtdio none -kernel inet_dist_use_interface {127,0,0,1}",
    ].join(" "),
    ERL_EPMD_ADDRESS: "127.0.0.1",
    ERL_EPMD_PORT: String(epmdPort),
    ERL_CRASH_DUMP_SECONDS: "0",
  };
}
