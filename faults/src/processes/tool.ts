import { spawn } from "node:child_process";
import { join } from "node:path";

export interface ToolOptions {
  /** What it is told. */
  readonly settings: object;
  /** Of Node, before the program's own, and what it finds in its environment: how a mutant gets in. */
  readonly nodeArguments: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
}

/** Runs the process that replays dead letters to its end. @throws Error with its words, where that is a bad one */
export function replayDeadLetters({ settings, nodeArguments, environment }: ToolOptions): Promise<void> {
  const program = join(import.meta.dirname, "replayer.ts");
  const child = spawn(process.execPath, [...nodeArguments, program, JSON.stringify(settings)], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, ...environment },
  });
  let words = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (bytes: Buffer) => (words += bytes));
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) =>
      code === 0
        ? resolve()
        : reject(new Error(`Replaying dead letters failed (exit code ${code}): ${words}`)),
    );
  });
}
