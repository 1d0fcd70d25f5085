import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Role } from "../history/entry.ts";

/** A place where a process runs, and another after it has ended. */
export interface Place {
  readonly name: string;
  readonly role: Role;
  /** Does nothing while no process is there. */
  signal(signal: NodeJS.Signals): void;
  /** Resolves once the process that is there, or the next one, is ready for work. */
  ready(): Promise<void>;
  /** Asks the process to end, waits for that, and for the next one to be ready. */
  restart(): Promise<void>;
  /** Asks the process to end; no other follows. Kills it after `graceMs`. @returns whether it ended by itself */
  end(graceMs: number): Promise<boolean>;
}

export interface PlaceOptions {
  readonly name: string;
  readonly role: Role;
  readonly folder: string;
  /** What the process is told; `who` and `seed` differ at each start. */
  readonly settings: object;
  readonly seed: number;
  /** Before the program's own: how a mutant gets in. */
  readonly nodeArguments: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  /** It starts again and again and is never ready. */
  failed(error: Error): void;
}

const programs: Readonly<Record<Role, string>> = {
  publisher: join(import.meta.dirname, "publisher.ts"),
  worker: join(import.meta.dirname, "worker.ts"),
};
const pauseMs = 100;
/** While the home node of one of its queues is down, a process may fail to start for as long. */
const startsInVain = 60;

/** Starts a process, and another one whenever it has ended. */
export function place(options: PlaceOptions): Place {
  const { name, role, folder } = options;
  let starts = 0;
  let inVain = 0;
  let ended = false;
  let child: ChildProcess | undefined;
  let up = Promise.withResolvers<void>();
  let gone: Promise<void> = Promise.resolve();

  function start(): void {
    const who = `${name}-${++starts}`;
    const told = { ...options.settings, who, seed: options.seed + starts };
    const output = openSync(join(folder, `${who}.out`), "a");
    const started = spawn(
      process.execPath,
      [...options.nodeArguments, programs[role], JSON.stringify(told)],
      {
        stdio: ["ignore", output, output, "ipc"],
        env: { ...process.env, ...options.environment },
      },
    );
    closeSync(output);
    child = started;
    const left = Promise.withResolvers<void>();
    gone = left.promise;
    let wasUp = false;
    started.once("message", () => {
      wasUp = true;
      inVain = 0;
      up.resolve();
    });
    started.once("exit", (code) => {
      child = undefined;
      left.resolve();
      if (ended) return;
      if (wasUp) up = Promise.withResolvers();
      else if (code !== null && ++inVain >= startsInVain) return giveUp(who, code);
      void sleep(pauseMs).then(() => ended || start());
    });
  }

  function giveUp(who: string, code: number): void {
    const words = readFileSync(join(folder, `${who}.out`), "utf8")
      .trim()
      .split("\n")
      .slice(-12)
      .join("\n");
    options.failed(new Error(`${name} does not start (exit code ${code}). Its last words:\n${words}`));
  }

  start();
  return {
    name,
    role,
    signal(signal) {
      child?.kill(signal);
    },
    ready: () => up.promise,
    async restart() {
      await up.promise;
      const before = gone;
      child?.kill("SIGTERM");
      await before;
      await up.promise;
    },
    async end(graceMs) {
      ended = true;
      if (child === undefined) return true;
      const last = child;
      last.kill("SIGCONT");
      last.kill("SIGTERM");
      const isGone = await Promise.race([gone.then(() => true), sleep(graceMs, false, { ref: false })]);
      if (!isGone) last.kill("SIGKILL");
      await gone;
      return isGone;
    },
  };
}
