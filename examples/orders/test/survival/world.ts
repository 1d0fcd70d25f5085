import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { readyAt } from "../../../host/test/program.ts";
import type { As } from "../../src/as.ts";

const main = join(import.meta.dirname, "../../src/main.ts");

export interface WorldOptions {
  readonly as: As;
  readonly amqpUrl: string;
  readonly databaseUrl?: string | undefined;
  readonly dataDir: string;
  /** Which part of all orders fails at each partner, and which ones. */
  readonly failures: { readonly share: number; readonly seed: string };
}

/** Processes as `npm start -- --only <part>` makes them, which die at any time and are started again. */
export interface World {
  /** Where the gateway listens now. Changes when it is started again. */
  url(): Promise<string>;
  /** Ends a process by SIGKILL, and starts it again at once. @returns when it is ready */
  kill(part: string): Promise<void>;
  /** Ends all of them by SIGKILL. */
  end(): Promise<void>;
  /** What any process said on stderr. */
  readonly complaints: readonly string[];
}

interface Running {
  readonly child: ChildProcess;
  readonly ready: Promise<string>;
  readonly ended: Promise<unknown>;
}

/** Starts one process for each part. @throws Error where one does not start, with what it said */
export async function world(options: WorldOptions, parts: readonly string[]): Promise<World> {
  const complaints: string[] = [];
  const running = new Map<string, Running>();
  let isOver = false;
  for (const part of parts) running.set(part, start(part, options, complaints));
  await Promise.all([...running.values()].map(({ ready }) => ready));
  return {
    complaints,
    url: () => running.get("gateway")!.ready,
    async kill(part) {
      const { child, ended } = running.get(part)!;
      child.kill("SIGKILL");
      await ended;
      if (isOver) return;
      const again = start(part, options, complaints);
      running.set(part, again);
      await again.ready;
    },
    async end() {
      isOver = true;
      for (const { child } of running.values()) child.kill("SIGKILL");
      await Promise.all([...running.values()].map(({ ended }) => ended));
    },
  };
}

function start(part: string, options: WorldOptions, complaints: string[]): Running {
  const { as, amqpUrl, databaseUrl = "", dataDir, failures } = options;
  const child = spawn(
    process.execPath,
    ["--disable-warning=ExperimentalWarning", main, "--as", as, "--only", part],
    {
      env: {
        ...process.env,
        PORT: "0",
        AMQP_URL: amqpUrl,
        DATABASE_URL: databaseUrl,
        DATA_DIR: dataDir,
        FAIL_SHARE: String(failures.share),
        FAIL_SEED: failures.seed,
        LOG_LEVEL: "fatal",
      },
      stdio: ["ignore", "pipe", "pipe"],
    },
  );
  const ended = once(child, "close");
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  let said = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    said += text;
    const url = readyAt(said);
    if (url !== undefined) resolve(url);
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => complaints.push(`${part}: ${text}`));
  // Killed before it was ready, it is another one that gets ready.
  ended.then(() =>
    child.signalCode === "SIGKILL"
      ? resolve("")
      : reject(new Error(`${part} ended by itself:\n${said}\n${complaints.join("")}`)),
  );
  return { child, ready: promise, ended };
}
