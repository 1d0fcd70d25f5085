import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";

const main = join(import.meta.dirname, "../src/main.ts");

/** `npm start` as a process of its own. */
export interface Program extends AsyncDisposable {
  /** What it said so far. */
  readonly said: { readonly stdout: string; readonly stderr: string };
  /** Resolves when it is ready, with the gateway's URL. @throws Error when it ends instead */
  ready(): Promise<string>;
  signal(name: "SIGTERM" | "SIGINT" | "SIGKILL"): void;
  /** Resolves when it has ended. */
  readonly ended: Promise<number | null>;
}

export function program(args: readonly string[], env: Readonly<Record<string, string>>): Program {
  const { AMQP_URL: _, DATABASE_URL: __, WARREN_DATA: ___, ...inherited } = process.env;
  const child: ChildProcess = spawn(
    process.execPath,
    ["--disable-warning=ExperimentalWarning", main, ...args],
    { env: { ...inherited, ...env }, stdio: ["ignore", "pipe", "pipe"] },
  );
  const said = { stdout: "", stderr: "" };
  const ended = once(child, "close").then(([code]) => code as number | null);
  const isReady = Promise.withResolvers<string>();
  child.stdout!.setEncoding("utf8").on("data", (text: string) => {
    said.stdout += text;
    const found = /: ready at (\S+) as /.exec(said.stdout);
    if (found !== null) isReady.resolve(found[1]!);
  });
  child.stderr!.setEncoding("utf8").on("data", (text: string) => {
    said.stderr += text;
  });
  return {
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
