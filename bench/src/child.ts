import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { flushCompileCache } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

/** A process of a case. It says each result as one line of JSON on its standard output. */
export interface Child {
  /** The next line it says. Rejects when the process ends first. */
  next<T>(): Promise<T>;
  /** Says something to it, which it gets by `heard`. */
  tell(value: object): void;
  stop(): Promise<void>;
  readonly pid: number;
}

/**
 * Children run the built package, and from the second start on take their own code from Node's compile cache: as
 * JavaScript, which is what a deployed service runs. The type stripper alone would hold some 20 MB in each.
 */
let cache: string | undefined;

/** Made when it is needed, as children import this file too. */
function compileCache(): string {
  if (cache !== undefined) return cache;
  const made = mkdtempSync(join(tmpdir(), "warren-bench-cache-"));
  process.once("exit", () => rmSync(made, { recursive: true, force: true }));
  cache = made;
  return made;
}

export function child(file: URL, args: object, env: NodeJS.ProcessEnv = {}): Child {
  const process_ = spawn(process.execPath, ["--conditions=built", file.pathname, JSON.stringify(args)], {
    env: { ...process.env, ...env, NODE_COMPILE_CACHE: compileCache() },
    stdio: ["pipe", "pipe", "inherit"],
  });
  const ended = new Promise<number | null>((resolve) => process_.once("exit", resolve));
  const lines = createInterface({ input: process_.stdout })[Symbol.asyncIterator]();
  return {
    pid: process_.pid!,
    async next() {
      const { value, done } = await lines.next();
      if (done)
        throw new Error(
          `${file.pathname.split("/").at(-1)} ended (exit code ${await ended}) before it said anything.`,
        );
      return JSON.parse(value);
    },
    tell: (value) => void process_.stdin.write(`${JSON.stringify(value)}\n`),
    stop: () => stop(process_, ended),
  };
}

async function stop(process_: ChildProcess, ended: Promise<unknown>): Promise<void> {
  process_.kill("SIGKILL");
  await ended;
}

/** For use in a child: what its parent passed, and how it answers. */
export function argument<T>(): T {
  return JSON.parse(process.argv[2] ?? "{}") as T;
}

/** For use in a child: what its parent tells it while it runs. To be asked for once. */
export async function heard<T>(): Promise<T> {
  for await (const line of createInterface({ input: process.stdin })) return JSON.parse(line) as T;
  throw new Error("The benchmark ended before it told this process what to do.");
}

export function say(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
  // Its parent ends it by a signal, before which Node would not write the cache.
  flushCompileCache();
}
