import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";

/** A process of a case. It says each result as one line of JSON on its standard output. */
export interface Child {
  /** The next line it says. Rejects when the process ends first. */
  next<T>(): Promise<T>;
  stop(): Promise<void>;
  readonly pid: number;
}

export function child(file: URL, args: object, env: NodeJS.ProcessEnv = {}): Child {
  const process_ = spawn(process.execPath, ["--conditions=built", file.pathname, JSON.stringify(args)], {
    env: { ...process.env, ...env },
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
}
