import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseCLI, type TestProject } from "vitest/node";
import { brokerUp, greet } from "../packages/warren/src/broker/index.ts";
import { discardAtEnd } from "./private-server.ts";

declare module "vitest" {
  interface ProvidedContext {
    /** One for each of the workers that tests run in, `amqp://…`. See `amqpUrl`. */
    amqpUrls: readonly string[];
  }
}

/**
 * Gives the tests a RabbitMQ for each worker: private nodes that end with this process, however that ends; or, with
 * AMQP_URL, that one, and then there is one worker (see `vitest.config.ts`). Throws when there is none to be had: these
 * tests are never skipped.
 */
export async function giveRabbitMq(project: TestProject): Promise<() => Promise<void>> {
  const given = process.env.AMQP_URL;
  if (given !== undefined && given !== "") {
    const version = await versionAt(new URL(given));
    project.provide("amqpUrls", [given]);
    console.log(`RabbitMQ ${version} from AMQP_URL`);
    return async () => {};
  }
  const began = performance.now();
  const nodes = await privateNodes(await workersOf(project));
  project.provide("amqpUrls", nodes.urls);
  const seconds = ((performance.now() - began) / 1000).toFixed(1);
  console.log(`RabbitMQ ${nodes.version}, private nodes started in ${seconds} s (${nodes.urls.join(", ")})`);
  return nodes.discard;
}

/** No more than there are files to run, as a node takes seconds to start. */
async function workersOf(project: TestProject): Promise<number> {
  const { filter } = parseCLI(["vitest", ...process.argv.slice(2)], { allowUnknownOptions: true });
  const { testFiles } = await project.globTestFiles(filter);
  return Math.max(1, Math.min(project.vitest.config.maxWorkers, testFiles.length));
}

interface PrivateNodes {
  readonly urls: readonly string[];
  readonly version: string;
  readonly discard: () => Promise<void>;
}

async function privateNodes(count: number): Promise<PrivateNodes> {
  const folders = Array.from({ length: count }, () => mkdtempSync(join(tmpdir(), "warren-test-")));
  const discards = folders.map((folder) => discardAtEnd("broker", folder));
  const discard = async (): Promise<void> => void (await Promise.all(discards.map((each) => each())));
  try {
    // The first one alone: it installs RabbitMQ where there is none.
    const first = await brokerUp({ dataDir: folders[0]!, log: console.log });
    const others = await Promise.all(folders.slice(1).map((dataDir) => brokerUp({ dataDir })));
    return { urls: [first, ...others].map(({ url }) => url), version: first.version, discard };
  } catch (error) {
    await discard();
    throw error;
  }
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
