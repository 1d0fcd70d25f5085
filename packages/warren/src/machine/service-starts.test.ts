import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { withoutServiceStarts } from "./service-starts.ts";

function policy(): string {
  const folder = mkdtempSync(join(tmpdir(), "warren-policy-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return join(folder, "policy-rc.d");
}

const read = (path: string): string | undefined =>
  existsSync(path) ? readFileSync(path, "utf8") : undefined;

/** A process that installs; it is at it when this resolves. */
async function installing(path: string) {
  const fixture = join(import.meta.dirname, "../../test/fixtures/installing.ts");
  const child = spawn(process.execPath, [fixture, path], { stdio: ["pipe", "pipe", "ignore"] });
  onTestFinished(() => void child.kill("SIGKILL"));
  const exited = once(child, "exit") as Promise<[number | null, NodeJS.Signals | null]>;
  await once(child.stdout, "data");
  return { child, exited };
}

test("while services may not start the policy says so, and then what it said before", async () => {
  const path = policy();
  writeFileSync(path, "own");
  await withoutServiceStarts(async () => {
    expect(read(path)).toContain("exit 101");
    expect(statSync(path).mode & 0o111).toBe(0o111);
  }, path);
  expect(read(path)).toBe("own");
  await expect(withoutServiceStarts(() => Promise.reject(new Error("no")), path)).rejects.toThrow("no");
  expect(read(path)).toBe("own");
});

test.each(["SIGINT", "SIGTERM"] as const)(
  "%s ends the process when the work is over and undone",
  async (signal) => {
    const path = policy();
    writeFileSync(path, "own");
    const { child, exited } = await installing(path);
    child.kill(signal);
    await once(child.stdout, "data");
    child.stdin.write("enough\n");
    expect(await exited).toEqual([null, signal]);
    expect(read(path)).toBe("own");
  },
);

test("without a signal it goes on", async () => {
  const path = policy();
  const { child, exited } = await installing(path);
  expect(read(path)).toContain("exit 101");
  child.stdin.write("enough\n");
  expect(await exited).toEqual([0, null]);
  expect(read(path)).toBeUndefined();
});

test.each(["own", undefined])(
  "what a killed process left is undone by the next one, before which it was %s",
  async (before) => {
    const path = policy();
    if (before !== undefined) writeFileSync(path, before);
    const { child, exited } = await installing(path);
    child.kill("SIGKILL");
    await exited;
    expect(read(path)).toContain("exit 101");
    await withoutServiceStarts(async () => expect(read(path)).toContain("exit 101"), path);
    expect(read(path)).toBe(before);
  },
);
