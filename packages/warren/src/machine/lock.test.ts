import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test, vi } from "vitest";
import { systemClock } from "../time.ts";
import { withLock } from "./lock.ts";
import * as processes from "./process.ts";

vi.mock("./process.ts", { spy: true });

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), "warren-lock-"));
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

/** @returns the number of the process that died with the lock in hand */
function abandon(path: string): number {
  const fixture = join(import.meta.dirname, "../../test/fixtures/lock-abandoned.ts");
  const { pid, signal } = spawnSync(process.execPath, [
    "--disable-warning=ExperimentalWarning",
    fixture,
    path,
  ]);
  expect(signal).toBe("SIGKILL");
  return pid;
}

/** Work that says how many were at it at once. */
function counting() {
  const seen = { now: 0, most: 0, done: 0 };
  const work = async (): Promise<void> => {
    seen.most = Math.max(seen.most, ++seen.now);
    await new Promise<void>((resolve) => systemClock.soon(resolve));
    seen.now--;
    seen.done++;
  };
  return { seen, work };
}

test("one works in a folder at a time, and nothing is left there", async () => {
  const path = folder();
  const { seen, work } = counting();
  await Promise.all(Array.from({ length: 5 }, () => withLock(path, systemClock, work)));
  expect(seen).toEqual({ now: 0, most: 1, done: 5 });
  expect(readdirSync(path)).toEqual([]);
});

test("the lock of a process that died is taken over", async () => {
  const path = folder();
  abandon(path);
  expect(await withLock(path, systemClock, async () => "mine", 0)).toBe("mine");
  expect(readdirSync(path)).toEqual([]);
});

test("of two that find the lock of a process that died, one waits for the other", async () => {
  const path = folder();
  const dead = abandon(path);
  const { seen, work } = counting();
  let other: Promise<void> | undefined;
  const { identify } = processes;
  const own = identify(process.pid);
  vi.mocked(identify).mockImplementation((pid) => {
    // The one has read whose lock it is, and does not know yet that it is dead: the other one is faster.
    if (pid === dead && other === undefined) {
      other = Promise.resolve();
      other = withLock(path, systemClock, work);
    }
    return pid === dead ? undefined : own;
  });
  onTestFinished(() => void vi.mocked(identify).mockReset());
  await withLock(path, systemClock, work);
  await other;
  expect(seen).toEqual({ now: 0, most: 1, done: 2 });
});

test("what was made and never signed holds up nobody", async () => {
  const path = folder();
  mkdirSync(join(path, "warren.lock"));
  expect(await withLock(path, systemClock, async () => "mine", 0)).toBe("mine");
});

test("who waits in vain is told what to look at", async () => {
  const path = folder();
  await withLock(path, systemClock, async () => {
    const failure = withLock(path, systemClock, async () => {}, 0);
    await expect(failure).rejects.toThrow(join(path, "warren.lock"));
  });
});
