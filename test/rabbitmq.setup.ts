import { spawn } from "node:child_process";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestProject } from "vitest/node";
import { brokerUp, greet } from "../packages/warren/src/broker/index.ts";

declare module "vitest" {
  interface ProvidedContext {
    /** The RabbitMQ of this run, `amqp://…`. */
    amqpUrl: string;
  }
}

/**
 * Gives the tests a RabbitMQ: the one of AMQP_URL, else a private node that ends with this process, however that
 * ends. Throws when there is none to be had: these tests are never skipped.
 */
export default async function setup(project: TestProject): Promise<(() => Promise<void>) | undefined> {
  const given = process.env.AMQP_URL;
  if (given !== undefined && given !== "") {
    const version = await versionAt(new URL(given));
    project.provide("amqpUrl", given);
    console.log(`RabbitMQ ${version} from AMQP_URL`);
    return undefined;
  }
  const dataDir = mkdtempSync(join(tmpdir(), "warren-test-"));
  const discard = discardAtEnd(dataDir);
  const began = performance.now();
  try {
    const broker = await brokerUp({ dataDir, log: console.log });
    project.provide("amqpUrl", broker.url);
    const seconds = ((performance.now() - began) / 1000).toFixed(1);
    console.log(`RabbitMQ ${broker.version}, a private node started in ${seconds} s (${broker.url})`);
  } catch (error) {
    await discard();
    throw error;
  }
  return discard;
}

/**
 * A process that waits for this one to end, by success, failure, Ctrl-C or kill -9, and then ends the broker and
 * deletes its data. The result does the same at once.
 */
function discardAtEnd(dataDir: string): () => Promise<void> {
  const main = join(import.meta.dirname, "../packages/warren/src/cli/main.ts");
  const down = [process.execPath, main, "broker", "down", "--discard", "--data", dataDir];
  const guard = spawn("sh", ["-c", 'cat >/dev/null; exec "$@"', "sh", ...down], {
    // A session of its own: Ctrl-C reaches the whole group of this process.
    detached: true,
    stdio: ["pipe", "ignore", "inherit"],
  });
  guard.unref();
  return () =>
    new Promise((resolve, reject) => {
      guard.once("close", (code) =>
        code === 0
          ? resolve()
          : reject(new Error(`The private RabbitMQ in ${dataDir} was not ended (exit code ${code}).`)),
      );
      guard.ref();
      guard.stdin.end();
    });
}

async function versionAt(url: URL): Promise<string> {
  // TLS hides the greeting; the tests themselves will say whether that broker answers.
  if (url.protocol === "amqps:") return "(amqps)";
  const port = url.port === "" ? 5672 : Number(url.port);
  const greeting = await greet(url.hostname, port, 5_000);
  if (greeting !== undefined) return greeting.version;
  throw new Error(
    `AMQP_URL is set, but no AMQP broker answers at ${url.hostname}:${port}. Start it, or unset AMQP_URL to get a private one.`,
  );
}
