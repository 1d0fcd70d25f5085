import { spawn } from "node:child_process";
import { randomInt } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { expect, it, onTestFinished } from "vitest";

const program = fileURLToPath(new URL("./fixtures/journaled.ts", import.meta.url));

function folder(): string {
  const made = mkdtempSync(join(tmpdir(), "warren-journal-"));
  onTestFinished(() => rmSync(made, { recursive: true }));
  return made;
}

interface Ended {
  /** What it said, in words. */
  readonly said: readonly (readonly string[])[];
  readonly signal: string | null;
  readonly code: number | null;
}

/** Runs the program until it ends, or until it has said so many lines: then it is killed in the middle of whatever it does. */
async function run(args: readonly string[], killAfter = Number.POSITIVE_INFINITY): Promise<Ended> {
  const child = spawn(process.execPath, [program, ...args], { stdio: ["ignore", "pipe", "inherit"] });
  onTestFinished(() => void child.kill("SIGKILL"));
  const said: string[][] = [];
  const ended = once(child, "exit") as Promise<[number | null, string | null]>;
  // What is short goes into a pipe as a whole, so that no line is cut off by the end.
  for await (const line of createInterface({ input: child.stdout })) {
    said.push(line.split(" "));
    if (said.length >= killAfter) child.kill("SIGKILL");
  }
  const [code, signal] = await ended;
  return { said, code, signal };
}

const numbers = (said: Ended["said"], word: string): number[] =>
  said.filter(([first]) => first === word).map(([, n]) => Number(n));

it("what was confirmed is handled, in order and with its count, however often the process is killed", {
  timeout: 120_000,
}, async () => {
  const dataDir = folder();
  const said: (readonly string[])[] = [];
  for (let round = 0; round < 20; round++) {
    const ended = await run(["load", dataDir, String(round * 1_000_000)], randomInt(1, 4_000));
    expect(ended.signal).toBe("SIGKILL");
    said.push(...ended.said);
  }
  const last = await run(["drain", dataDir]);
  expect(last).toMatchObject({ code: 0 });
  said.push(...last.said);

  const [tried, confirmed] = [new Set(numbers(said, "tried")), numbers(said, "confirmed")];
  const handled = said.filter(([word]) => word === "handled");
  const returns = new Map<number, number[]>();
  for (const [, n, count] of handled)
    returns.set(Number(n), [...(returns.get(Number(n)) ?? []), Number(count)]);
  const dead = numbers(said, "dead");

  expect(confirmed.length).toBeGreaterThan(1_000);
  expect(confirmed.filter((n) => !returns.has(n))).toEqual([]);
  expect([...returns.keys()].filter((n) => !tried.has(n))).toEqual([]);
  // In a map keys stand in the order of their first time.
  expect([...returns.keys()]).toEqual([...returns.keys()].sort((a, b) => a - b));
  const counts = [...returns.values()];
  expect(counts.filter((each) => each.some((count, i) => i > 0 && count <= each[i - 1]!))).toEqual([]);
  expect(counts.some((each) => each.length > 1)).toBe(true);
  // Leaving one queue and entering the other are one step.
  expect(dead.toSorted((a, b) => a - b)).toEqual(
    [...returns.keys()].filter((n) => n % 7 === 0).sort((a, b) => a - b),
  );
});

it("a message that kills its process does so as often as its queue allows, and then is a dead letter", async () => {
  const dataDir = folder();
  const said: (readonly string[])[] = [];
  let ended = await run(["poisoned", dataDir]);
  for (; ended.signal === "SIGKILL"; ended = await run(["poisoned", dataDir, "again"]))
    said.push(...ended.said);
  said.push(...ended.said);
  expect(said.filter(([word, n]) => word === "handled" && n === "5").map(([, , count]) => count)).toEqual([
    "0",
    "1",
    "2",
    "3",
  ]);
  expect(said.filter(([word]) => word === "dead")).toEqual(
    [
      ["dead", "0", "rejected"],
      ["dead", "7", "rejected"],
      ["dead", "14", "rejected"],
      ["dead", "5", "delivery_limit"],
    ].sort((a, b) => numberOrder(a, b, said)),
  );
  const others = new Set(numbers(said, "handled"));
  expect(others.size).toBe(20);
});

function numberOrder(a: readonly string[], b: readonly string[], said: Ended["said"]): number {
  const at = ([, n]: readonly string[]): number => said.findIndex(([word, m]) => word === "dead" && m === n);
  return at(a) - at(b);
}
