import { canInstall } from "../machine/apt.ts";
import type { Clock } from "../time.ts";
import { containerLog, isDockerReady, removeContainer, startContainer } from "./container.ts";
import { installRabbitMq } from "./install.ts";
import { findInstalled, type Installed } from "./installed.ts";
import { type Launch, launchNodes, nodeName, startFailure, waitUntilReady } from "./launch.ts";
import { countNodes, nodeFolder, removeRecord, writeRecord } from "./record.ts";

export interface StartOrder {
  readonly dataDir: string;
  /** How many nodes the folder has in all. */
  readonly count: number;
  readonly log: (line: string) => void;
  readonly clock: Clock;
  readonly signal: AbortSignal | undefined;
  readonly missing: readonly number[];
  /** A port for each of these nodes. Asked again when another program was faster on one it gave before. */
  readonly choosePorts: (indexes: readonly number[]) => Promise<Ports>;
}

type Ports = ReadonlyMap<number, number>;

const attempts = 3;

/** Starts nodes in whatever way this machine has, records them, and resolves once all answer. */
export async function start(order: StartOrder): Promise<void> {
  const { dataDir, count, missing } = order;
  const launcher = await findLauncher(order);
  // The first node founds a new cluster; the others would each found their own if it were not there.
  const isFounding = count > 1 && countNodes(dataDir) === 0;
  const stages = isFounding ? [missing.slice(0, 1), missing.slice(1)] : [missing];
  const launches: Pick<Launch, "undo">[] = [];
  try {
    for (const stage of stages) launches.push(await launchStage(order, launcher, stage));
  } catch (error) {
    for (const launch of launches) await launch.undo(error);
    throw error;
  }
}

async function launchStage(
  order: StartOrder,
  launcher: Launcher,
  stage: readonly number[],
): ReturnType<Launcher> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await launcher(await order.choosePorts(stage));
    } catch (error) {
      if (!(error instanceof Error && isPortClash(error.message)) || attempt === attempts) throw error;
      order.log("Another program took the port meanwhile; trying the next ...");
    }
  }
}

/** Resolves when all answer. Throws with nothing left running. */
type Launcher = (ports: Ports) => Promise<Pick<Launch, "undo">>;

async function findLauncher(order: StartOrder): Promise<Launcher> {
  const found = findInstalled();
  if (found !== undefined) return (ports) => launchInstalled(order, found, ports);
  let failure = "";
  if (canInstall()) {
    try {
      await installRabbitMq(order.log, order.clock);
    } catch (error) {
      // Docker may still do; the reason is told when it does not.
      failure = `\n\nInstalling it was tried:\n${error instanceof Error ? error.message : error}`;
    }
    const installed = findInstalled();
    if (installed !== undefined) return (ports) => launchInstalled(order, installed, ports);
  }
  if (await isDockerReady()) {
    if (order.count === 1) return (ports) => launchContainer(order, ports.get(1)!);
    throw new Error(
      `A cluster of ${order.count} nodes needs RabbitMQ installed on this machine; with docker there is one node only. Install it, or leave out --nodes.${failure}`,
    );
  }
  throw new Error(`There is no RabbitMQ on this machine to start. Do one of these:
  - install it: "sudo apt-get install rabbitmq-server" on Debian and Ubuntu, "brew install rabbitmq" on macOS
  - start Docker, and the official image is used
  - set AMQP_URL to a broker that runs already, and start none${failure}`);
}

async function launchInstalled(order: StartOrder, installed: Installed, ports: Ports): Promise<Launch> {
  const launch = await launchNodes({ ...order, installed, ports });
  try {
    await launch.wait();
    launch.settle();
    return launch;
  } catch (cause) {
    throw await launch.undo(cause);
  }
}

async function launchContainer(order: StartOrder, port: number): ReturnType<Launcher> {
  const { dataDir, signal } = order;
  const name = nodeName(dataDir, 1, 1);
  const undo = async (cause: unknown): Promise<Error> => {
    const output = await containerLog(name);
    await removeContainer(name);
    removeRecord(dataDir);
    return startFailure(cause, nodeFolder(dataDir, 1), signal?.aborted ? "" : output);
  };
  order.log(
    "RabbitMQ is not installed: starting the official image with docker (the first time takes a while) ...",
  );
  try {
    await startContainer(name, port);
    writeRecord(dataDir, { kind: "container", name, port });
    await waitUntilReady(order, [{ name, port }], () => undefined);
    return { undo };
  } catch (cause) {
    throw await undo(cause);
  }
}

function isPortClash(message: string): boolean {
  return /eaddrinuse|dist_port_already_used|port is already allocated|address already in use/i.test(message);
}
