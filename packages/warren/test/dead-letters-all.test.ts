// All letters at once, and the question before. With a broker of its own: on the shared one, all are everybody's.
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { expect, it, onTestFinished, vi } from "vitest";
import { noteServices } from "../src/dead-letters/known-services.ts";
import { embedded } from "../src/embedded/index.ts";
import { deadLetters, headers, names, silent } from "../src/index.ts";
import { deadQueue } from "../src/retry/topology.ts";

const main = join(import.meta.dirname, "../src/cli/main.ts");
vi.setConfig({ testTimeout: 60_000 });

/** Two letters of orders, one of mailer, one event that nobody heard, and a service whose queues were deleted. */
async function withLetters(): Promise<string> {
  const dataDir = mkdtempSync(join(tmpdir(), "warren-test-"));
  onTestFinished(() => rmSync(dataDir, { recursive: true }));
  const transport = embedded({ dataDir });
  await noteServices(transport, ["orders", "mailer", "retired"], silent);
  await transport.declare({
    queues: [
      deadQueue("orders"),
      deadQueue("mailer"),
      { name: names.unheard, type: "quorum", lifetime: "durable" },
    ],
  });
  const put = (queue: string, reason: string) =>
    transport.publish({
      exchange: "",
      key: queue,
      body: Buffer.from("{}"),
      persistent: true,
      mandatory: true,
      headers: { [headers.reason]: reason },
    });
  await put(names.dead("orders"), "failed");
  await put(names.dead("orders"), "invalid");
  await put(names.dead("mailer"), "failed");
  await put(names.unheard, "failed");
  await transport.close({ drainMs: 1_000 });
  return dataDir;
}

async function left(dataDir: string): Promise<string[]> {
  const transport = embedded({ dataDir });
  const { letters } = await deadLetters(transport).list();
  await transport.close({ drainMs: 1_000 });
  return letters.map(({ service }) => service);
}

function begin(dataDir: string, file: string, args: readonly string[]): ChildProcess {
  const running = spawn(file, args, { env: { ...process.env, AMQP_URL: "", WARREN_DATA: dataDir } });
  onTestFinished(() => void running.kill("SIGKILL"));
  return running;
}

async function finish(
  running: ChildProcess,
): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const [stdout, stderr, code] = await Promise.all([
    text(running.stdout!),
    text(running.stderr!),
    new Promise<number | null>((resolve) => running.once("close", resolve)),
  ]);
  return { code, stdout, stderr };
}

const run = (dataDir: string, ...args: string[]) =>
  finish(begin(dataDir, process.execPath, [main, "dead-letters", ...args]));

/** On a terminal, where `answer` is typed when it asks. */
async function typed(dataDir: string, answer: string, ...args: string[]): Promise<string> {
  const command = [process.execPath, main, "dead-letters", ...args].join(" ");
  const running = begin(dataDir, "script", ["-qec", command, "/dev/null"]);
  let seen = "";
  running.stdout!.on("data", (chunk) => {
    const asked = seen.includes("[y/N]");
    seen += String(chunk);
    if (!asked && seen.includes("[y/N]")) running.stdin!.write(answer);
  });
  await new Promise((resolve) => running.once("close", resolve));
  return seen;
}

it("knows no service any more whose queues were deleted", async () => {
  const transport = embedded({ dataDir: await withLetters() });
  expect(await deadLetters(transport).services()).toEqual(["mailer", "orders"]);
  await transport.close({ drainMs: 1_000 });
});

it("takes all letters of services, and what nobody heard only where it is named", async () => {
  const dataDir = await withLetters();
  expect(await run(dataDir, "discard", "--all")).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("say --yes"),
  });
  expect(await run(dataDir, "discard", "--all", "--dry-run")).toEqual({
    code: 0,
    stdout:
      "Would discard 3 dead letters:\n  1 of mailer, failed\n  1 of orders, failed\n  1 of orders, invalid\n",
    stderr: "",
  });
  expect(await run(dataDir, "discard", "--all", "--yes", "--service", "mailer")).toMatchObject({ code: 0 });
  expect(await left(dataDir)).toEqual(["orders", "orders", names.unheard]);
  expect(await run(dataDir, "discard", "--all", "--yes")).toMatchObject({
    code: 0,
    stdout: "2 dead letters discarded.\n",
  });
  expect(await run(dataDir, "replay", "--all")).toMatchObject({
    code: 1,
    stdout: expect.stringContaining("warren.unheard"),
  });
  expect(await left(dataDir)).toEqual([names.unheard]);
  expect(await run(dataDir, "discard", "--service", names.unheard)).toMatchObject({ code: 0 });
  expect(await left(dataDir)).toEqual([]);
});

it("asks on a terminal before several letters are deleted", async () => {
  const dataDir = await withLetters();
  const refused = await typed(dataDir, "n\n", "discard", "--all");
  expect(refused).toContain("1 of mailer, failed");
  expect(refused).toContain("Discard 3 dead letters? They cannot be brought back. [y/N]");
  expect(refused).toContain("Nothing was discarded.");
  expect(await typed(dataDir, "\u0003", "discard", "--all")).toContain("Interrupted");
  expect(await left(dataDir)).toHaveLength(4);
  expect(await typed(dataDir, "", "discard", "--service", "mailer")).not.toContain("[y/N]");
  expect(await left(dataDir)).toEqual(["orders", "orders", names.unheard]);
  expect(await typed(dataDir, "y\n", "discard", "--all")).toContain("2 dead letters discarded.");
  expect(await left(dataDir)).toEqual([names.unheard]);
});
