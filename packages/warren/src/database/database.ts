import { existsSync, mkdirSync, readFileSync, realpathSync } from "node:fs";
import { join } from "node:path";
import { canInstall } from "../machine/apt.ts";
import { existing, removeIfEmpty } from "../machine/folders.ts";
import { withLock } from "../machine/lock.ts";
import { firstFreePort, isPortFree } from "../machine/ports.ts";
import { endProcess, isAlive } from "../machine/process.ts";
import { type Clock, delay, systemClock } from "../time.ts";
import { dataIn, discardHome, findHome, type Home, prepareHome } from "./home.ts";
import { installPostgres } from "./install.ts";
import { findInstalled, type Installed } from "./installed.ts";
import { initialize, startServer, waitUntilReady } from "./server.ts";
import { type DatabaseStatus, databaseStatus, record } from "./status.ts";

/** Where the first private database listens; PostgreSQL's own port is left to the machine's own. */
export const firstPort = 5433;

export interface DatabaseOptions {
  /** Holds everything of this database: data, log, password. Made where it is missing. */
  readonly dataDir: string;
  /** @default the first free one from 5433 */
  readonly port?: number;
  /** Gets a line for people about each step that takes time. */
  readonly log?: (line: string) => void;
  /** Gives up starting and ends what was started. */
  readonly signal?: AbortSignal;
  readonly clock?: Clock;
}

export type RunningDatabase = Extract<DatabaseStatus, { state: "running" }> & {
  /** False when it ran before. */
  readonly started: boolean;
};

/**
 * Starts a private PostgreSQL and resolves once it answers. One that runs already is left as it is. Uses the installed
 * PostgreSQL, else installs Debian's where it may. Throws, with nothing left running that it started, when there is no
 * PostgreSQL to be had, the port is taken, or it does not start.
 */
export async function databaseUp(options: DatabaseOptions): Promise<RunningDatabase> {
  const { clock = systemClock } = options;
  mkdirSync(options.dataDir, { recursive: true });
  const dataDir = realpathSync(options.dataDir);
  return withLock(dataDir, clock, async () => {
    const before = await databaseStatus(dataDir, clock);
    if (before.state === "running") return { ...before, started: false };
    // What does not answer now is hung or half started: nobody else works on this folder while the lock is held.
    await end(dataDir, clock, 0);
    const installed = await findOrInstall(dataDir, options, clock);
    const home = await prepareHome(dataDir);
    await initialize(installed, home);
    await start(installed, home, dataDir, options, clock);
    const after = await databaseStatus(dataDir, clock);
    if (after.state !== "running")
      throw new Error(`The database in ${dataDir} answered once and then no more.`);
    return { ...after, started: true };
  });
}

/**
 * Ends exactly what `databaseUp` started in this folder. Resolves to false when nothing ran. The data stays for the next
 * time, unless `discard` is set: then it is deleted, and clients are not waited for.
 */
export async function databaseDown(
  dataDir: string,
  options: { readonly discard?: boolean; readonly clock?: Clock } = {},
): Promise<boolean> {
  const { discard = false, clock = systemClock } = options;
  const folder = existing(dataDir);
  if (folder === undefined) return false;
  const ended = await withLock(folder, clock, async () => {
    const ran = await end(folder, clock, discard ? 0 : 30_000);
    if (discard) discardHome(folder);
    return ran;
  });
  if (discard) removeIfEmpty(folder);
  return ended;
}

async function end(dataDir: string, clock: Clock, graceMs: number): Promise<boolean> {
  const server = record.read(dataDir);
  if (server === undefined) return false;
  const ran = isAlive(server);
  // SIGINT lets it finish its writing. By SIGQUIT it ends at once, and its other processes with it.
  if (graceMs > 0) await endProcess(server, graceMs, clock, "SIGINT");
  else await endProcess(server, 5_000, clock, "SIGQUIT");
  record.remove(dataDir);
  return ran;
}

async function findOrInstall(
  dataDir: string,
  { log = () => {} }: DatabaseOptions,
  clock: Clock,
): Promise<Installed> {
  const major = versionOfData(dataDir);
  const found = await findInstalled(major);
  if (found !== undefined) return found;
  let failure = "";
  if (canInstall() && (await findInstalled()) === undefined) {
    try {
      await installPostgres(log, clock);
    } catch (error) {
      failure = `\n\nInstalling it was tried:\n${error instanceof Error ? error.message : error}`;
    }
    const installed = await findInstalled(major);
    if (installed !== undefined) return installed;
  }
  if (major !== undefined)
    throw new Error(
      `The database in ${dataDir} was made by PostgreSQL ${major}, which is not installed here. Install that version, or delete this database and its data: npx warren database down --discard --data "${dataDir}"${failure}`,
    );
  throw new Error(`There is no PostgreSQL on this machine to start. Do one of these:
  - install it: "sudo apt-get install postgresql" on Debian and Ubuntu, "brew install postgresql@17" on macOS
  - set DATABASE_URL to one that runs already, and start none${failure}`);
}

function versionOfData(dataDir: string): string | undefined {
  const home = findHome(dataDir);
  const path = home === undefined ? undefined : join(dataIn(home), "PG_VERSION");
  return path !== undefined && existsSync(path) ? readFileSync(path, "utf8").trim() : undefined;
}

const attempts = 10;

async function start(
  installed: Installed,
  home: Home,
  dataDir: string,
  { port: wanted, signal, log = () => {} }: DatabaseOptions,
  clock: Clock,
): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    const port = wanted ?? (await firstFreePort(firstPort));
    if (!(await isPortFree(port)))
      throw new Error(
        `Port ${port} on 127.0.0.1 is in use by another program. Name another with --port, or none to get a free one.`,
      );
    const server = startServer(installed, home, port);
    try {
      record.write(dataDir, { ...server.identity(), port, version: installed.version });
      return await waitUntilReady(server, home, port, clock, signal);
    } catch (error) {
      record.remove(dataDir);
      const message = error instanceof Error ? error.message : "";
      if (attempt === attempts) throw error;
      if (/Address already in use/i.test(message)) log("Another program took the port meanwhile ...");
      // The other processes of a server that was killed end a moment after it.
      else if (/pre-existing shared memory block/.test(message)) await delay(clock, 200);
      else throw error;
    }
  }
}
