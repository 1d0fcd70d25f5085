import { join, relative } from "node:path";
import { Command, InvalidArgumentError } from "commander";
import { brokerDown, brokerStatus, brokerUp, firstPort } from "../broker/index.ts";

/** `warren broker up|down|status`: a private RabbitMQ node for development and tests. */
export function brokerCommand(): Command {
  const broker = new Command("broker").description("run a private RabbitMQ node for development and tests");
  const data = ["--data <folder>", "the folder that holds the broker's data and logs"] as const;
  const dataDefault = join(".warren", "broker");

  broker
    .command("up")
    .description("start the node, wait until it answers, print its URL; does nothing when it runs already")
    .option(
      "--port <number>",
      `the port on 127.0.0.1 (default: the first free one from ${firstPort})`,
      parsePort,
    )
    .option(...data, dataDefault)
    .option("--quiet", "print nothing but the line to copy")
    .addHelpText(
      "after",
      `
It is for this machine only: it listens on 127.0.0.1, user "guest", password "guest". It keeps running until
"npx warren broker down". An installed RabbitMQ is used; where there is none, Debian's package is installed
(as root), else docker runs the official image. No other broker on the machine is touched.

  eval "$(npx warren broker up --quiet)"     starts it and sets AMQP_URL in this shell`,
    )
    .action(up);

  broker
    .command("down")
    .description("stop the node that was started in this folder, and no other; its data stays")
    .option(...data, dataDefault)
    .option("--discard", "delete its data, too, without letting it finish")
    .action(down);

  broker
    .command("status")
    .description("say whether it runs, and where; exit code 1 when it does not")
    .option(...data, dataDefault)
    .action(status);

  return broker;
}

async function up(options: { port?: number; data: string; quiet?: boolean }): Promise<void> {
  const stop = new AbortController();
  const interrupt = (): void => stop.abort();
  process.once("SIGINT", interrupt).once("SIGTERM", interrupt);
  // Progress goes to stderr, so that stdout can be evaluated by a shell.
  const say = options.quiet === true ? () => {} : (line: string) => console.error(line);
  const broker = await brokerUp({
    dataDir: options.data,
    ...(options.port !== undefined && { port: options.port }),
    log: say,
    signal: stop.signal,
  });
  process.off("SIGINT", interrupt).off("SIGTERM", interrupt);
  const asked = options.port === undefined || broker.url.endsWith(`:${options.port}`);
  if (!asked)
    throw new Error(
      `It runs already, on ${broker.url}, not on port ${options.port}. Stop it first: npx warren broker down`,
    );
  const folder = relative(process.cwd(), broker.dataDir) || ".";
  say(
    `RabbitMQ ${broker.version} ${broker.started ? "is up" : "was up already"} (${broker.process}, data in ${folder}). To use it:`,
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
  if (found.state === "stopped") {
    console.log(`not running\n  data     ${found.dataDir}\nStart it with: npx warren broker up`);
  } else {
    const version = found.state === "running" ? `\n  version  RabbitMQ ${found.version}` : "";
    const heading = found.state === "running" ? "running" : "not answering";
    console.log(
      `${heading}\n  URL      ${found.url}${version}\n  process  ${found.process}\n  data     ${found.dataDir}`,
    );
  }
  if (found.state !== "running") process.exitCode = 1;
}

function parsePort(text: string): number {
  const port = Number(text);
  if (Number.isInteger(port) && port >= 1 && port <= 65_535) return port;
  throw new InvalidArgumentError("A port is a whole number from 1 to 65535.");
}
