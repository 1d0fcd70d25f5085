import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";

const examples = join(import.meta.dirname, "../..");

/** `npm start` as a process of its own. */
export interface Program extends AsyncDisposable {
  readonly pid: number;
  /** What it said so far. */
  readonly said: { readonly stdout: string; readonly stderr: string };
  /** Resolves when it is ready, with the gateway's URL where it has one. @throws Error when it ends instead */
  ready(): Promise<string>;
  signal(name: "SIGTERM" | "SIGINT" | "SIGKILL"): void;
  /** Resolves when it has ended. */
  readonly ended: Promise<number | null>;
}

/** Starts `main`, a file below `examples`. */
export function program(
  main: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): Program {
  const { AMQP_URL: _, DATABASE_URL: __, WARREN_DATA: ___, INIT_CWD: ____, ...inherited } = process.env;
  const child: ChildProcess = spawn(
    process.execPath,
    ["--disable-warning=ExperimentalWarning", join(examples, main), ...args],
    { env: { ...inherited, ...env }, stdio: ["ignore", "pipe", "pipe"] },
  );
  const said = { stdout: "", stderr: "" };
  const ended = once(child, "close").then(([code]) => code as number | null);
  const isReady = Promise.withResolvers<string>();
  child.stdout!.setEncoding("utf8").on("data", (text: string) => {
    said.stdout += text;
    const found = readyAt(said.stdout);
    if (found !== undefined) isReady.resolve(found);
  });
  child.stderr!.setEncoding("utf8").on("data", (text: string) => {
    said.stderr += text;
  });
  return {
    pid: child.pid!,
    said,
    ended,
    ready: () =>
      Promise.race([
        isReady.promise,
        ended.then((code) => {
          throw new Error(`It ended with ${code} instead of getting ready:\n${said.stderr}`);
        }),
      ]),
    signal: (name) => child.kill(name),
    async [Symbol.asyncDispose]() {
      if (child.exitCode === null && child.signalCode === null) child.kill("SIGKILL");
      await ended;
    },
  };
}

/** The address in what a program says when it is ready: empty without a gateway, `undefined` before. */
export function readyAt(stdout: string): string | undefined {
  const found = /: ready(?: at ([^\s,]+))?, .*\n/.exec(stdout);
  return found === null ? undefined : (found[1] ?? "");
}
