import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Clock, delay } from "../time.ts";
import { containerLog, isDockerReady, removeContainer, startContainer } from "./container.ts";
import { canInstall, installPackage } from "./install.ts";
import { findInstalled, type Installed } from "./installed.ts";
import { type NodePlan, nodeOutput, nodePid, startEpmd, startNode } from "./node.ts";
import { anyFreePort } from "./ports.ts";
import { greet } from "./probe.ts";
import { endProcess, identify, type ProcessIdentity } from "./process.ts";
import { nodeFolder, removeRecord, writeRecord } from "./record.ts";
import { lastLines } from "./run.ts";

export interface StartOrder {
  readonly dataDir: string;
  readonly log: (line: string) => void;
  readonly clock: Clock;
  readonly signal: AbortSignal | undefined;
  /** Asked again when another program was faster on the port it gave before. */
  readonly choosePort: () => Promise<number>;
}

/** A first start with a cold disk takes 10 s at worst; a container's image was pulled before the count begins. */
const readyWithinMs = 90_000;
const attempts = 3;

/** Starts a node in whatever way this machine has, records it, and resolves once it answers. */
export async function start(order: StartOrder): Promise<void> {
  const launch = await findLauncher(order);
  for (let attempt = 1; ; attempt++) {
    try {
      return await launch(await order.choosePort());
    } catch (error) {
      if (!(error instanceof Error && isPortClash(error.message)) || attempt === attempts) throw error;
      order.log("Another program took the port meanwhile; trying the next ...");
    }
  }
}

async function findLauncher(order: StartOrder): Promise<(port: number) => Promise<void>> {
  const found = findInstalled();
  if (found !== undefined) return (port) => launchNode(order, found, port);
  let failure = "";
  if (canInstall()) {
    try {
      await installPackage(order.log, order.clock);
    } catch (error) {
      // Docker may still do; the reason is told when it does not.
      failure = `\n\nInstalling it was tried:\n${error instanceof Error ? error.message : error}`;
    }
    const installed = findInstalled();
    if (installed !== undefined) return (port) => launchNode(order, installed, port);
  }
  if (await isDockerReady()) return (port) => launchContainer(order, port);
  throw new Error(`There is no RabbitMQ on this machine to start. Do one of these:
  - install it: "sudo apt-get install rabbitmq-server" on Debian and Ubuntu, "brew install rabbitmq" on macOS
  - start Docker, and the official image is used
  - set AMQP_URL to a broker that runs already, and start none${failure}`);
}

/** The same for every start in a folder, and for no other folder: the node's data is kept under this name. */
export function brokerName(dataDir: string): string {
  const path = join(nodeFolder(dataDir), "name");
  if (existsSync(path)) return readFileSync(path, "utf8").trim();
  const name = `warren-${createHash("sha256").update(dataDir).digest("hex").slice(0, 10)}`;
  mkdirSync(nodeFolder(dataDir), { recursive: true });
  writeFileSync(path, `${name}\n`);
  return name;
}

async function launchNode(order: StartOrder, installed: Installed, port: number): Promise<void> {
  const { dataDir, clock } = order;
  const folder = nodeFolder(dataDir);
  const name = brokerName(dataDir);
  const plan: NodePlan = { name, folder, port, distPort: await anyFreePort(), epmdPort: await anyFreePort() };
  writeFileSync(join(folder, "output.log"), "");
  const epmd = watch(startEpmd(installed, plan));
  const node = watch(startNode(installed, plan));
  try {
    const save = (identity: ProcessIdentity): void =>
      writeRecord(dataDir, {
        kind: "process",
        nodes: [{ ...identity, name, port }],
        epmd: { ...epmd.identity(), port: plan.epmdPort },
      });
    save(node.identity());
    await waitUntilReady(order, name, port, () => node.ended() ?? epmd.ended());
    const pid = nodePid(folder);
    const itself = pid === undefined ? undefined : identify(pid);
    if (itself !== undefined) save(itself);
  } catch (cause) {
    for (const started of [node, epmd]) {
      if (started.ended() === undefined) await endProcess(started.identity(), 0, clock);
    }
    removeRecord(dataDir);
    throw startFailure(cause, order, nodeOutput(folder));
  }
}

async function launchContainer(order: StartOrder, port: number): Promise<void> {
  const name = brokerName(order.dataDir);
  order.log(
    "RabbitMQ is not installed: starting the official image with docker (the first time takes a while) ...",
  );
  try {
    await startContainer(name, port);
    writeRecord(order.dataDir, { kind: "container", name, port });
    await waitUntilReady(order, name, port, () => undefined);
  } catch (cause) {
    const output = await containerLog(name);
    await removeContainer(name);
    removeRecord(order.dataDir);
    throw startFailure(cause, order, output);
  }
}

/** A node that another folder's node was faster than answers, too; its cluster name tells them apart. */
async function waitUntilReady(
  { clock, signal }: StartOrder,
  name: string,
  port: number,
  ended: () => string | undefined,
): Promise<void> {
  const deadline = clock.now() + readyWithinMs;
  for (;;) {
    if (signal?.aborted) throw new Error("Starting the broker was given up on request.");
    const end = ended();
    if (end !== undefined) throw new Error(`The node ended while it started (${end}).`);
    const greeting = await greet("127.0.0.1", port, 1_000, clock);
    if (greeting?.clusterName.startsWith(`${name}@`)) return;
    if (clock.now() > deadline)
      throw new Error(`The node does not answer on port ${port} after ${readyWithinMs / 1000} s.`);
    await delay(clock, 50, signal);
  }
}

/** Names what went wrong, and quotes the node where it ended by itself. */
function startFailure(cause: unknown, { dataDir, signal }: StartOrder, output: string): Error {
  const what = cause instanceof Error ? cause.message : String(cause);
  const words = lastLines(output, 6);
  if (signal?.aborted || words === "") return new Error(what, { cause });
  return new Error(`${what} Its last words (more under ${nodeFolder(dataDir)}):\n${words}`, { cause });
}

function isPortClash(message: string): boolean {
  return /eaddrinuse|dist_port_already_used|port is already allocated|address already in use/i.test(message);
}

interface Watched {
  /** How it ended, or `undefined` while it runs. */
  ended(): string | undefined;
  /** Throws when it could not be started or ended at once. */
  identity(): ProcessIdentity;
}

function watch(child: ReturnType<typeof startNode>): Watched {
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
