import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { type Clock, delay } from "../time.ts";

/** One process and no later one that was given the same number. */
export interface ProcessIdentity {
  readonly pid: number;
  /** When it started, in the system's own words; only equality means anything. */
  readonly started: string;
}

/** The identity of the process that has this number now, or `undefined` when there is none. */
export function identify(pid: number): ProcessIdentity | undefined {
  const started = process.platform === "linux" ? startFromProc(pid) : startFromPs(pid);
  return started === undefined ? undefined : { pid, started };
}

/** Whether exactly this process still runs. */
export function isAlive(identity: ProcessIdentity): boolean {
  return identify(identity.pid)?.started === identity.started;
}

/**
 * Ends exactly this process: asks first (by `asking`), and after `graceMs` makes it (SIGKILL). Resolves once it is gone.
 * A process that ended long ago and whose number another one has now is left alone.
 */
export async function endProcess(
  identity: ProcessIdentity,
  graceMs: number,
  clock: Clock,
  asking: NodeJS.Signals = "SIGTERM",
): Promise<void> {
  if (graceMs > 0) {
    send(identity, asking);
    if (await isGone(identity, graceMs, clock)) return;
  }
  send(identity, "SIGKILL");
  if (await isGone(identity, 10_000, clock)) return;
  throw new Error(
    `Process ${identity.pid} does not end, not even by SIGKILL. Look at it with: ps -p ${identity.pid}`,
  );
}

async function isGone(identity: ProcessIdentity, timeoutMs: number, clock: Clock): Promise<boolean> {
  const deadline = clock.now() + timeoutMs;
  while (isAlive(identity)) {
    if (clock.now() >= deadline) return false;
    await delay(clock, 20);
  }
  return true;
}

function send(identity: ProcessIdentity, signal: NodeJS.Signals): void {
  if (!isAlive(identity)) return;
  try {
    process.kill(identity.pid, signal);
  } catch (error) {
    // It may have ended between the look and the signal, which is what was wanted.
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

/** Field 22 of /proc/<pid>/stat; the name in field 2 may hold spaces and brackets, so counting starts after it. */
function startFromProc(pid: number): string | undefined {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ESRCH") return undefined;
    throw error;
  }
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const state = fields[0];
  // A zombie has ended; only its parent has not looked yet.
  return state === "Z" || state === "X" ? undefined : fields[19];
}

function startFromPs(pid: number): string | undefined {
  try {
    const line = execFileSync("ps", ["-o", "stat=,lstart=", "-p", String(pid)], {
      encoding: "utf8",
      env: { ...process.env, LC_ALL: "C" },
      stdio: ["ignore", "pipe", "ignore"],
    }).trim();
    return line === "" || line.startsWith("Z") ? undefined : line.replace(/^\S+\s+/, "");
  } catch (error) {
    // `ps` exits with 1 when there is no such process.
    if ((error as { status?: number }).status === 1) return undefined;
    throw error;
  }
}
