import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestProject } from "vitest/node";
import { brokerUp, greet } from "../packages/warren/src/broker/index.ts";
import { discardAtEnd } from "./private-server.ts";

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
export async function giveRabbitMq(project: TestProject): Promise<(() => Promise<void>) | undefined> {
  const given = process.env.AMQP_URL;
  if (given !== undefined && given !== "") {
    const version = await versionAt(new URL(given));
    project.provide("amqpUrl", given);
    console.log(`RabbitMQ ${version} from AMQP_URL`);
    return undefined;
  }
  const dataDir = mkdtempSync(join(tmpdir(), "warren-test-"));
  const discard = discardAtEnd("broker", dataDir);
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
