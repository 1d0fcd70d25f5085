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
  stop(): Promise<void>;
  readonly pid: number;
}

/**
 * Children run the built package, and from the second start on take their own code from Node's compile cache: as
 * JavaScript, which is what a deployed service runs. The type stripper alone would hold some 20 MB in each.
 */
const cache = mkdtempSync(join(tmpdir(), "warren-bench-cache-"));
process.once("exit", () => rmSync(cache, { recursive: true, force: true }));

export function child(file: URL, args: object, env: NodeJS.ProcessEnv = {}): Child {
  const process_ = spawn(process.execPath, ["--conditions=built", file.pathname, JSON.stringify(args)], {
    env: { ...process.env, ...env, NODE_COMPILE_CACHE: cache },
    stdio: ["ignore", "pipe", "inherit"],
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

export function say(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
  // Its parent ends it by a signal, before which Node would not write the cache.
  flushCompileCache();
}
