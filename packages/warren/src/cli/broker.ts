import { join, relative } from "node:path";
import { Command, InvalidArgumentError } from "commander";
import { brokerDown, brokerStatus, brokerUp, firstPort, type NodeStatus } from "../broker/index.ts";
import { parsePort } from "./option-values.ts";

const dataDefault = join(".warren", "broker");

/** `warren broker up|down|status`: a private RabbitMQ node or cluster for development and tests. */
export function brokerCommand(): Command {
  const broker = new Command("broker").description(
    "run a private RabbitMQ node or cluster for development and tests",
  );
  const data = ["--data <folder>", "the folder that holds the broker's data and logs"] as const;

  broker
    .command("up")
    .description(
      "start the broker, wait until it answers, print its URL; starts only what does not run already",
    )
    .option(
      "--nodes <number>",
      "how many nodes, 1 to 5; several are a cluster (default: as many as the folder has, or 1)",
      parseNodes,
    )
    .option(
      "--port <number>",
      `the port of the first node on 127.0.0.1 (default: the first free one from ${firstPort})`,
      parsePort,
    )
    .option(...data, dataDefault)
    .option("--quiet", "print nothing but the line to copy")
    .addHelpText(
      "after",
      `
It is for this machine only: it listens on 127.0.0.1, user "guest", password "guest". It keeps running until
"npx warren broker down". An installed RabbitMQ is used; where there is none, Debian's package is installed
(as root), else docker runs the official image (one node only). No other broker on the machine is touched.

A cluster is for trying out what the loss of a node does. Its URL names all nodes, with commas between them.

  eval "$(npx warren broker up --quiet)"     starts it and sets AMQP_URL in this shell
  npx warren broker up --nodes 3 --data .warren/cluster
                                             starts a cluster of three nodes, in a folder of its own`,
    )
    .action(up);

  broker
    .command("down")
    .description("stop the nodes that were started in this folder, and no others; their data stays")
    .option(...data, dataDefault)
    .option("--discard", "delete the data, too, without letting them finish")
    .action(down);

  broker
    .command("status")
    .description("say whether it runs, and where; exit code 1 unless every node answers")
    .option(...data, dataDefault)
    .action(status);

  return broker;
}

async function up(options: { nodes?: number; port?: number; data: string; quiet?: boolean }): Promise<void> {
  const stop = new AbortController();
  const interrupt = (): void => stop.abort();
  process.once("SIGINT", interrupt).once("SIGTERM", interrupt);
  // Progress goes to stderr, so that stdout can be evaluated by a shell.
  const say = options.quiet === true ? () => {} : (line: string) => console.error(line);
  const broker = await brokerUp({
    dataDir: options.data,
    ...(options.nodes !== undefined && { nodes: options.nodes }),
    ...(options.port !== undefined && { port: options.port }),
    log: say,
    signal: stop.signal,
  });
  process.off("SIGINT", interrupt).off("SIGTERM", interrupt);
  const asked = options.port === undefined || broker.nodes[0]?.port === options.port;
  if (!asked)
    throw new Error(
      `It runs already, on ${broker.url}, not on port ${options.port}. Stop it first: npx warren broker down`,
    );
  const folder = relative(process.cwd(), broker.dataDir) || ".";
  const what = broker.nodes.length === 1 ? "" : `, a cluster of ${broker.nodes.length} nodes,`;
  say(
    `RabbitMQ ${broker.version}${what} ${broker.started ? "is up" : "was up already"} (${broker.process}, data in ${folder}). To use it:`,
  );
  say("");
  console.log(`export AMQP_URL=${broker.url}`);
}

async function down(options: { data: string; discard?: boolean }): Promise<void> {
  const ended = await brokerDown(options.data, { discard: options.discard === true });
  const what = ended ? "RabbitMQ is stopped" : "No broker was running";
  console.log(
    options.discard === true ? `${what}, its data is deleted.` : `${what} (data in ${options.data}).`,
  );
}

async function status(options: { data: string }): Promise<void> {
  const found = await brokerStatus(options.data);
  if (found.state !== "running") process.exitCode = 1;
  if (found.state === "stopped") {
    console.log(`not running\n  data     ${found.dataDir}\nStart it with: ${upAgain(options.data)}`);
    return;
  }
  const isWhole = found.state === "running";
  const someRun = found.nodes.some(({ state }) => state === "running");
  const lines = [
    isWhole ? "running" : someRun ? "running in part" : "not answering",
    `  URL      ${found.url}`,
    ...(isWhole ? [`  version  RabbitMQ ${found.version}`] : []),
    `  process  ${found.process}`,
    `  data     ${found.dataDir}`,
    ...(found.nodes.length === 1 ? [] : found.nodes.map(describeNode)),
    ...(isWhole ? [] : [`Start what is missing with: ${upAgain(options.data)}`]),
  ];
  console.log(lines.join("\n"));
}

/** With the folder, where it is another than that of a command without options. */
function upAgain(data: string): string {
  return `npx warren broker up${data === dataDefault ? "" : ` --data ${data}`}`;
}

function describeNode({ index, state, pid, port }: NodeStatus): string {
  const where = state === "stopped" ? "" : `, pid ${pid}`;
  const words = { running: "running", silent: "not answering", stopped: "not running" };
  return `  node ${index}   ${words[state]}, port ${port}${where}`;
}

function parseNodes(text: string): number {
  const count = Number(text);
  if (Number.isInteger(count) && count >= 1 && count <= 5) return count;
  throw new InvalidArgumentError("A broker has 1 to 5 nodes.");
}
