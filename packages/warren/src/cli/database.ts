import { join, relative } from "node:path";
import { Command } from "commander";
import { databaseDown, databaseStatus, databaseUp, firstPort } from "../database/index.ts";
import { parsePort } from "./option-values.ts";

const dataDefault = join(".warren", "database");

/** `warren database up|down|status`: a private PostgreSQL for development and tests. */
export function databaseCommand(): Command {
  const database = new Command("database").description("run a private PostgreSQL for development and tests");
  const data = ["--data <folder>", "the folder that holds the database"] as const;

  database
    .command("up")
    .description("start the database, wait until it answers, print its URL; leaves a running one as it is")
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
It is for this machine only: it listens on 127.0.0.1, with a password of its own. It keeps running until
"npx warren database down". An installed PostgreSQL is used; where there is none, Debian's package is installed
(as root). No other database on the machine is touched. PostgreSQL does not run as root: started by root it
runs as the user "postgres", and where that one may not enter the folder, its data is in /var/lib/warren.

  eval "$(npx warren database up --quiet)"   starts it and sets DATABASE_URL in this shell`,
    )
    .action(up);

  database
    .command("down")
    .description("stop the database that was started in this folder, and no other; its data stays")
    .option(...data, dataDefault)
    .option("--discard", "delete the data, too, without waiting for who is connected")
    .action(down);

  database
    .command("status")
    .description("say whether it runs, and where; exit code 1 unless it answers")
    .option(...data, dataDefault)
    .action(status);

  return database;
}

async function up(options: { port?: number; data: string; quiet?: boolean }): Promise<void> {
  const stop = new AbortController();
  const interrupt = (): void => stop.abort();
  process.once("SIGINT", interrupt).once("SIGTERM", interrupt);
  // Progress goes to stderr, so that stdout can be evaluated by a shell.
  const say = options.quiet === true ? () => {} : (line: string) => console.error(line);
  const database = await databaseUp({
    dataDir: options.data,
    ...(options.port !== undefined && { port: options.port }),
    log: say,
    signal: stop.signal,
  });
  process.off("SIGINT", interrupt).off("SIGTERM", interrupt);
  if (options.port !== undefined && database.port !== options.port)
    throw new Error(
      `It runs already, on port ${database.port}, not on ${options.port}. Stop it first: npx warren database down`,
    );
  say(
    `PostgreSQL ${database.version} ${database.started ? "is up" : "was up already"} (pid ${database.pid}, data in ${shown(database.folder)}). To use it:`,
  );
  say("");
  console.log(`export DATABASE_URL=${database.url}`);
}

async function down(options: { data: string; discard?: boolean }): Promise<void> {
  const before = await databaseStatus(options.data);
  const folder = before.state === "stopped" ? before.dataDir : before.folder;
  const ended = await databaseDown(options.data, { discard: options.discard === true });
  const what = ended ? "PostgreSQL is stopped" : "No database was running";
  console.log(
    options.discard === true ? `${what}, its data is deleted.` : `${what} (data in ${shown(folder)}).`,
  );
}

async function status(options: { data: string }): Promise<void> {
  const found = await databaseStatus(options.data);
  const upAgain = `npx warren database up${options.data === dataDefault ? "" : ` --data ${options.data}`}`;
  if (found.state !== "running") process.exitCode = 1;
  if (found.state === "stopped") {
    console.log(`not running\n  data     ${shown(found.dataDir)}\nStart it with: ${upAgain}`);
    return;
  }
  const lines = [
    found.state === "running" ? "running" : "not answering",
    `  URL      ${found.url}`,
    `  version  PostgreSQL ${found.version}`,
    `  process  pid ${found.pid}`,
    `  data     ${shown(found.folder)}`,
    ...(found.state === "running" ? [] : [`Start it anew with: ${upAgain}`]),
  ];
  console.log(lines.join("\n"));
}

/** As short as it is true: below the working directory, or from the root. */
function shown(folder: string): string {
  const below = relative(process.cwd(), folder);
  return below.startsWith("..") ? folder : below || ".";
}
