import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Clock, delay } from "../time.ts";
import { identify } from "./process.ts";

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
  mkdirSync(dataDir, { recursive: true });
  const path = join(dataDir, "warren.lock");
  const mine = JSON.stringify(identify(process.pid));
  const deadline = clock.now() + waitMs;
  while (!tryLock(path, mine)) {
    if (isAbandoned(path)) rmSync(path, { force: true });
    else if (clock.now() >= deadline) {
      throw new Error(
        `Another warren command works on ${dataDir} and does not finish. If none does, delete ${path}.`,
      );
    } else await delay(clock, 50);
  }
  try {
    return await work();
  } finally {
    rmSync(path, { force: true });
  }
}

function tryLock(path: string, content: string): boolean {
  try {
    writeFileSync(path, content, { flag: "wx" });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
}

function isAbandoned(path: string): boolean {
  let holder: string;
  try {
    holder = readFileSync(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return false;
    throw error;
  }
  // Empty between the creation and the writing of the file: somebody has just taken it.
  if (holder === "") return false;
  const { pid, started } = JSON.parse(holder) as { pid: number; started: string };
  return identify(pid)?.started !== started;
}
