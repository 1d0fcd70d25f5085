import { spawn } from "node:child_process";
import { closeSync, existsSync, openSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { endProcess, type ProcessIdentity } from "../machine/process.ts";
import { lastLines, run } from "../machine/run.ts";
import { type Watched, watch } from "../machine/watched.ts";
import { type Clock, delay } from "../time.ts";
import type { Home } from "./home.ts";
import type { Installed } from "./installed.ts";
import { answers } from "./probe.ts";

/** After a crash it goes through its log first. */
const readyWithinMs = 60_000;

export const user = "warren";

/** What the server runs with, beside its defaults: `fsync` is on, so that what it has committed outlives a kill. */
const settings: Readonly<Record<string, string>> = {
  listen_addresses: "127.0.0.1",
  unix_socket_directories: "",
  // Suites of tests run side by side, each with pools of its own.
  max_connections: "300",
  cluster_name: "warren",
};

/** The environment has no settings of another database in it. */
const environment = { PATH: process.env.PATH ?? "", LC_ALL: "C", TZ: "UTC" };

/** Makes the files of an empty database. */
export async function initialize({ initdb }: Installed, home: Home): Promise<void> {
  const { folder, data, owner } = home;
  if (existsSync(join(data, "PG_VERSION"))) return;
  // The rest of an attempt that was interrupted.
  rmSync(data, { recursive: true, force: true });
  const { code, output } = await run(
    initdb,
    [
      ...["--pgdata", data, "--username", user, "--pwfile", join(folder, "password")],
      ...["--auth", "scram-sha-256", "--encoding", "UTF8", "--locale", "C"],
      // Only for these files, which can be made again.
      ...["--no-sync", "--no-instructions"],
    ],
    { LC_ALL: "C" },
    { cwd: folder, ...owner },
  );
  if (code === 0) return;
  rmSync(data, { recursive: true, force: true });
  throw new Error(`PostgreSQL's files could not be made in ${data}:\n${lastLines(output, 6)}`);
}

/** Starts the server as a process of its own that outlives this one. */
export function startServer({ postgres }: Installed, home: Home, port: number): Watched {
  const { folder, data, owner } = home;
  const args = Object.entries({ ...settings, port: String(port) }).flatMap(([name, value]) => [
    "-c",
    `${name}=${value}`,
  ]);
  const log = openSync(logPath(folder), "w", 0o600);
  try {
    const child = spawn(postgres, ["-D", data, ...args], {
      cwd: folder,
      detached: true,
      env: environment,
      stdio: ["ignore", log, log],
      ...owner,
    });
    child.unref();
    return watch(child);
  } finally {
    closeSync(log);
  }
}

/** Resolves once it takes connections. Throws, with nothing left running, when it does not. */
export async function waitUntilReady(
  server: Watched,
  home: Home,
  port: number,
  clock: Clock,
  signal: AbortSignal | undefined,
): Promise<void> {
  const deadline = clock.now() + readyWithinMs;
  let failure: string | undefined;
  while (failure === undefined) {
    const end = server.ended();
    if (signal?.aborted) failure = "Starting the database was given up on request.";
    else if (end !== undefined) failure = `PostgreSQL ended while it started (${end}).`;
    else if (isReady(home.data, server.identity()) && (await answers(port, clock))) return;
    else if (clock.now() > deadline)
      failure = `PostgreSQL does not answer on port ${port} after ${readyWithinMs / 1000} s.`;
    else await delay(clock, 20, signal);
  }
  if (server.ended() === undefined) await endProcess(server.identity(), 5_000, clock, "SIGQUIT");
  const words = signal?.aborted ? "" : lastLines(readFileSync(logPath(home.folder), "utf8"), 6);
  throw new Error(words === "" ? failure : `${failure} Its last words (${logPath(home.folder)}):\n${words}`);
}

/** Whether this process, and no other one, has this data open and takes connections: the server's own file says so. */
export function isReady(data: string, { pid }: ProcessIdentity): boolean {
  const path = join(data, "postmaster.pid");
  const lines = existsSync(path) ? readFileSync(path, "utf8").split("\n") : [];
  return lines[0] === String(pid) && lines[7]?.trim() === "ready";
}

function logPath(folder: string): string {
  return join(folder, "server.log");
}
