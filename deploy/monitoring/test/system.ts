import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { amqpUrl } from "../../../test/amqp-url.ts";
import { ended } from "./prometheus-server.ts";

/** Three processes on RabbitMQ that do what services do, good and bad, as long as it runs. */
export interface System {
  /** Where the metrics of each are, as Prometheus names it. */
  readonly targets: readonly string[];
  /** Kills one of them, as `kill -9` does. */
  kill(target: string): void;
  stop(): Promise<void>;
}

export async function startSystem(): Promise<System> {
  const folder = mkdtempSync(join(tmpdir(), "warren-monitored-"));
  const running: { readonly child: ChildProcess; readonly target: string }[] = [];
  // The one that uses the others comes last.
  for (const part of ["mail", "stock", "edge"]) running.push(await startPart(part, join(folder, "stock.db")));
  return {
    targets: running.map(({ target }) => target),
    kill: (target) => void running.find((one) => one.target === target)!.child.kill("SIGKILL"),
    async stop() {
      await Promise.all(running.map(({ child }) => ended(child)));
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function startPart(part: string, store: string): Promise<{ child: ChildProcess; target: string }> {
  const child = spawn(process.execPath, [join(import.meta.dirname, "fixtures/part.ts"), part], {
    env: { ...process.env, AMQP_URL: amqpUrl(), STORE: store, OTEL_SDK_DISABLED: "" },
    stdio: ["pipe", "pipe", "inherit"],
  });
  const [line] = await Promise.race([
    once(createInterface({ input: child.stdout! }), "line"),
    once(child, "close").then(() => {
      throw new Error(`The process of ${part} ended instead of getting ready.`);
    }),
  ]);
  return { child, target: JSON.parse(line as string).metrics };
}
