import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { onTestFinished } from "vitest";

/** A database that two processes can open, one after the other. */
export interface Place {
  readonly kind: "sqlite" | "postgres";
  /** A file, or the URL of a database or schema of its own. */
  readonly location: string;
}

/** What a process said, and how it ended. */
export interface Ended {
  readonly said: readonly string[];
  /** The boundary at which it was killed; `undefined` where it came to its end. */
  readonly killedAt: string | undefined;
}

/** A folder that is deleted after the test. */
export function folder(): string {
  const made = mkdtempSync(join(tmpdir(), "warren-kill-"));
  onTestFinished(() => rmSync(made, { recursive: true, force: true }));
  return made;
}

let cache: string | undefined;

function compileCache(): string {
  if (cache !== undefined) return cache;
  const made = mkdtempSync(join(tmpdir(), "warren-kill-cache-"));
  process.once("exit", () => rmSync(made, { recursive: true, force: true }));
  cache = made;
  return made;
}

/** How much later it is after a kill, for programs that take `clock` of `fixtures/killing.ts`: longer than any lease. */
const laterMs = 120_000;

/** However slow this machine is, a process that has not ended by then hangs. */
const patienceMs = 120_000;

/**
 * Runs `fixtures/<program>` to its end, or to its `at`-th boundary or the first of that name, where it kills itself. The program counts with
 * `killing` and `killingTransport` of `fixtures/killing.ts`, and finds its database with `toldStore`.
 * @throws Error where it ended in another way, with what it wrote
 */
export async function runKilled(
  program: string,
  place: Place,
  { at, env = {} }: { readonly at?: number | string; readonly env?: Readonly<Record<string, string>> } = {},
): Promise<Ended> {
  const file = fileURLToPath(new URL(`./fixtures/${program}`, import.meta.url));
  const child = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", file], {
    stdio: ["ignore", "pipe", "pipe"],
    env: {
      ...process.env,
      // Most of the time of a short process is reading its own code.
      NODE_COMPILE_CACHE: compileCache(),
      KILL_STORE: place.kind,
      KILL_LOCATION: place.location,
      ...(at !== undefined && { KILL_AT: String(at) }),
      ...env,
    },
  });
  // Another one of the same test may have failed meanwhile.
  onTestFinished(() => void child.kill("SIGKILL"));
  let hangs = false;
  const patience = setTimeout(() => {
    hangs = true;
    child.kill("SIGKILL");
  }, patienceMs);
  let output = "";
  let errors = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (output += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (errors += text));
  const [code, signal] = (await once(child, "close")) as [number | null, string | null];
  clearTimeout(patience);
  const said = output.split("\n").filter((line) => line !== "");
  const last = said.at(-1) ?? "";
  if (signal === "SIGKILL" && !hangs && last.startsWith("killed "))
    return { said: said.slice(0, -1), killedAt: last.slice("killed ".length) };
  if (code === 0) return { said, killedAt: undefined };
  const how = hangs ? `did not end within ${patienceMs} ms` : `ended with ${signal ?? `exit code ${code}`}`;
  throw new Error(`${program} (killed at ${at ?? "no boundary"}) ${how}.\n${output}\n${errors}`);
}

export interface EveryBoundary {
  /** A file in `fixtures/`, which finishes what it finds half done and then ends with exit code 0. */
  readonly program: string;
  /** A fresh database for each boundary, with whatever else a run needs in `env`, such as a folder for the broker. */
  readonly fresh: () => Promise<Fresh> | Fresh;
  /** What must be so after the program was killed at `killedAt`, and ran again to its end. Rejects where it is not. */
  readonly check: (place: Place, killedAt: string, said: readonly string[]) => Promise<void> | void;
  /** How many processes at once. @default 2 */
  readonly parallel?: number;
}

export interface Fresh {
  readonly place: Place;
  readonly env?: Readonly<Record<string, string>>;
}

/** `npm run kills`: at every boundary, which takes some minutes. Else at each twelfth, beginning at any of the first twelve. */
const isEvery = process.env.KILLS === "every";
const stride = isEvery ? 1 : 12;
/** No two runs have the same number of boundaries, as a slow one looks around more often. */
const enoughUnharmed = isEvery ? 4 : 1;

/**
 * Kills the program at its first boundary, and in a fresh world at its second, and so on until some runs reach their
 * ends unharmed. After each kill the program runs once more without one, and `check` says whether all is well.
 * @param parts of names of boundaries at each of which it is killed, also where not at all
 */
export async function killedAtEveryBoundary(
  options: EveryBoundary,
  parts: readonly string[] = [],
): Promise<void> {
  const { program, fresh, check, parallel = 2 } = options;
  const boundaries: string[] = [];
  let next = 1 + Math.floor(Math.random() * stride);
  let unharmed = 0;

  async function one(at: number | string): Promise<void> {
    const { place, env = {} } = await fresh();
    const first = await runKilled(program, place, { at, env });
    if (first.killedAt === undefined) unharmed++;
    else boundaries.push(first.killedAt);
    try {
      const second =
        first.killedAt === undefined
          ? undefined
          : await runKilled(program, place, { env: { ...env, KILL_LATER_MS: String(laterMs) } });
      await check(place, first.killedAt ?? "no boundary", [...first.said, ...(second?.said ?? [])]);
    } catch (error) {
      throw new Error(`After a kill at boundary ${at} (${first.killedAt}): ${(error as Error).message}`, {
        cause: error,
      });
    }
  }

  const worker = async (): Promise<void> => {
    while (unharmed < enoughUnharmed) {
      const at = next;
      next += stride;
      await one(at);
    }
  };
  await Promise.all(Array.from({ length: parallel }, worker));
  // A short one may have ended before the first of them.
  if (boundaries.length === 0) await one(1);
  // Where it matters, whatever the numbers of those boundaries were this time.
  const missing = (): string[] => parts.filter((part) => !boundaries.some((each) => each.includes(part)));
  for (const part of missing()) await one(part);
  if (missing().length > 0)
    throw new Error(
      `${program} was never killed at: ${missing().join(", ")}; it was at ${boundaries.join("; ")}`,
    );
  if (boundaries.length === 0) throw new Error(`${program} was never killed.`);
}
