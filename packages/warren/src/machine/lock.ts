import { mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Clock, delay } from "../time.ts";
import { removeIfEmpty } from "./folders.ts";
import { identify } from "./process.ts";

let taken = 0;

/**
 * Runs `work` while no other process does so in the same folder. Waits its turn for up to `waitMs`; the lock of a
 * process that died holding it is taken over.
 */
export async function withLock<T>(
  dataDir: string,
  clock: Clock,
  work: () => Promise<T>,
  waitMs = 90_000,
): Promise<T> {
  const path = join(dataDir, "warren.lock");
  const mine = nameOf(process.pid, identify(process.pid)!.started, ++taken);
  const deadline = clock.now() + waitMs;
  while (!take(path, mine)) {
    if (clock.now() >= deadline)
      throw new Error(
        `Another warren command works on ${dataDir} and does not finish. If none does, delete ${path}.`,
      );
    await delay(clock, 50);
  }
  try {
    return await work();
  } finally {
    rmSync(join(path, mine), { force: true });
    removeIfEmpty(path);
  }
}

/**
 * The lock is a folder with a file of its holder. It comes with the file in it, by a rename, which nothing but an empty
 * folder gives way to. A dead holder's file has a name that nobody else's ever has: whoever deletes it, however late,
 * deletes nothing else.
 */
function take(path: string, mine: string): boolean {
  for (const name of holdersOf(path)) {
    if (isDead(name)) rmSync(join(path, name), { force: true });
    else return false;
  }
  const signed = `${path}.${mine}`;
  mkdirSync(signed, { recursive: true });
  writeFileSync(join(signed, mine), "");
  try {
    renameSync(signed, path);
    return true;
  } catch (error) {
    rmSync(signed, { recursive: true, force: true });
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOTEMPTY" || code === "EEXIST") return false;
    throw error;
  }
}

function holdersOf(path: string): readonly string[] {
  try {
    return readdirSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}

/** No other process has it, before or after: none with the same number began at the same time. */
function nameOf(pid: number, started: string, count: number): string {
  return `${pid}.${encodeURIComponent(started)}.${count}`;
}

function isDead(name: string): boolean {
  const [pid, started, count] = name.split(".");
  if (count === undefined) return false;
  return identify(Number(pid))?.started !== decodeURIComponent(started!);
}
