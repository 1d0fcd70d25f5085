import { spawn } from "node:child_process";
import { searchPath } from "./programs.ts";

export interface Finished {
  /** `null` when a signal ended it, the time limit's for one. */
  readonly code: number | null;
  /** The last 16 KB of what it wrote, both streams. */
  readonly output: string;
}

export interface RunOptions {
  readonly timeoutMs?: number;
  readonly cwd?: string;
  /** Whose process it is, where this one is root's. */
  readonly uid?: number;
  readonly gid?: number;
}

/** Runs a program to its end and keeps what it wrote. Rejects only when it cannot be started. */
export function run(
  program: string,
  args: readonly string[],
  environment: NodeJS.ProcessEnv = {},
  { timeoutMs, ...options }: RunOptions = {},
): Promise<Finished> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      ...options,
      env: { ...process.env, PATH: searchPath(), ...environment },
      stdio: ["ignore", "pipe", "pipe"],
      ...(timeoutMs !== undefined && { timeout: timeoutMs }),
    });
    let output = "";
    const collect = (chunk: Buffer): void => {
      output = (output + chunk.toString("utf8")).slice(-16_384);
    };
    child.stdout.on("data", collect);
    child.stderr.on("data", collect);
    child.once("error", reject);
    child.once("close", (code) => resolve({ code, output }));
  });
}

const maxLineLength = 400;

/** The last lines that say anything, each cut to a readable length: Erlang's can fill a screen. */
export function lastLines(text: string, count: number): string {
  const lines = text.split("\n").filter((line) => line.trim() !== "");
  const cut = (line: string): string =>
    line.length > maxLineLength ? `${line.slice(0, maxLineLength)} ...` : line;
  return lines.slice(-count).map(cut).join("\n");
}
