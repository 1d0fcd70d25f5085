// The command as people run it: a process of its own, against RabbitMQ.
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { expect, it, onTestFinished, vi } from "vitest";
import { amqpUrl } from "../../../test/amqp-url.ts";
import { deadWorld } from "./dead-letters-world.ts";

const main = join(import.meta.dirname, "../src/cli/main.ts");
// Each test starts several processes, one after the other.
vi.setConfig({ testTimeout: 60_000 });
const w = deadWorld("rabbitmq");

interface Finished {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function begin(args: readonly string[], env: Record<string, string> = {}): ChildProcess {
  const all = { ...process.env, AMQP_URL: amqpUrl(), WARREN_DATA: "", COLUMNS: "80", ...env };
  return spawn(process.execPath, [main, "dead-letters", ...args], { env: all });
}

async function finish(running: ChildProcess, input = ""): Promise<Finished> {
  running.stdin!.end(input);
  const [stdout, stderr, code] = await Promise.all([
    text(running.stdout!),
    text(running.stderr!),
    new Promise<number | null>((resolve) => running.once("close", resolve)),
  ]);
  return { code, stdout, stderr };
}

const run = (...args: string[]): Promise<Finished> => finish(begin(args));
const here = (): string[] => ["--service", w().service];
const ids = async (): Promise<string[]> =>
  (await w().letters.list({ services: [w().service] })).letters.map(({ id }) => id);

it("lists letters and causes in lines that fit, shows one with all it has, and exports them", async () => {
  const long = `Error: ${"a long story ".repeat(30)}\u001b[31m`;
  await w().put(
    { id: "a", error: long, more: { tenant: "acme" } },
    { id: "b", error: long, body: "no json" },
  );
  const list = await run("list", ...here());
  expect(list.code).toBe(0);
  expect(list.stdout).toContain("2 dead letters.");
  expect(list.stdout).not.toContain("\u001b");
  expect(Math.max(...list.stdout.split("\n").map((line) => line.length))).toBeLessThanOrEqual(80);
  const few = await run("list", ...here(), "--limit", "1");
  expect(few.stdout).toContain(
    "\nThe first 1 of 2 dead letters, service by service, the oldest first.\nMore with",
  );
  const groups = await run("list", ...here(), "--group");
  expect(groups.stdout).toMatch(/^ +2 .* a\n.*Error: a long story.*…\n\n1 cause, 2 dead letters\.\n$/m);
  const shown = await run("show", "a", ...here());
  for (const part of ["reason        failed", "tenant: acme", '"n": 1']) expect(shown.stdout).toContain(part);
  const { stdout, stderr } = await run("export", ...here());
  const { stdout: listed } = await run("list", ...here(), "--json");
  for (const text of [stdout, listed]) {
    const lines = text.trim().split("\n");
    expect(lines.map((line) => JSON.parse(line))).toMatchObject([
      { id: "a", body: { json: { n: 1 } } },
      { id: "b", body: { text: "no json" } },
    ]);
  }
  expect(stderr).toBe("2 dead letters written.\n");
});

it("replays and discards what is chosen, and refuses when nothing is", async () => {
  const queue = await w().queue("events");
  await w().put({ id: "a", queue }, { id: "b", queue }, { id: "c", queue: `${w().service}.gone` });
  expect(await run("replay")).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("--all"),
  });
  expect(await run("replay", "a", ...here(), "--dry-run")).toMatchObject({
    code: 0,
    stdout: `Would replay 1 dead letter:\n  1 of ${w().service}, failed, to ${queue}\n`,
  });
  expect(await ids()).toEqual(["a", "b", "c"]);
  expect(await run("replay", "a", ...here())).toMatchObject({ code: 0 });
  const rest = await run("replay", ...here());
  expect(rest.code).toBe(1);
  expect(rest.stderr).toContain(`c of ${w().service}: its queue ${w().service}.gone does not exist any more`);
  expect(await run("discard", "c", "typo", ...here())).toMatchObject({
    code: 1,
    stdout: "1 dead letter discarded.\n",
    stderr: "No dead letter has the id typo.\n",
  });
  expect(await run("list", ...here())).toMatchObject({ code: 1, stdout: "No dead letters.\n" });
  expect(await w().drain(queue)).toEqual(['{"n":1}', '{"n":2}']);
});

it("edits a letter in the editor, from a file or from standard input, and replays it", async () => {
  const folder = mkdtempSync(join(tmpdir(), "warren-test-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const queue = await w().queue("events");
  await w().put({ id: "a", queue });
  const editor = `sed -i s/1/2/`;
  expect(await finish(begin(["edit", "a", ...here()], { VISUAL: editor }))).toMatchObject({ code: 0 });
  expect(await finish(begin(["edit", "a", ...here()], { VISUAL: "true" }))).toMatchObject({
    code: 1,
    stderr: "Nothing was changed.\n",
  });
  const body = async () => JSON.parse((await run("export", ...here())).stdout).body.json;
  expect(await body()).toEqual({ n: 2 });
  const file = join(folder, "body.json");
  writeFileSync(file, '{"n":3}\n');
  expect(await run("edit", "a", ...here(), "--body-file", file)).toMatchObject({ code: 0 });
  expect(await body()).toEqual({ n: 3 });
  expect(await run("edit", "a", ...here(), "--body", "{oops")).toMatchObject({
    code: 1,
    stderr: expect.stringContaining("no JSON"),
  });
  const last = await finish(begin(["edit", "a", ...here(), "--body", "-", "--replay"]), '{"n":4}');
  const stdout = `1 dead letter changed and replayed to ${queue}.\n`;
  expect(last).toEqual({ code: 0, stdout, stderr: "" });
  expect(await w().drain(queue)).toEqual(['{"n":4}']);
  expect(readFileSync(file, "utf8")).toBe('{"n":3}\n');
});

it("ends between two letters at Ctrl-C", async () => {
  const queue = await w().queue("events");
  await w().put(...Array.from({ length: 30 }, (_, n) => ({ id: String(n), body: String(n), queue })));
  const running = begin(["replay", ...here(), "--rate", "20"]);
  const finished = finish(running);
  await expect
    .poll(async () => (await w().transport.inspect(queue))?.messages, { timeout: 10_000 })
    .toBeGreaterThan(2);
  running.kill("SIGINT");
  expect(await finished).toMatchObject({ code: 130, stderr: expect.stringContaining("Interrupted") });
  const replayed = await w().drain(queue);
  expect(replayed.length).toBeLessThan(30);
  expect([...replayed, ...(await ids())].map(Number)).toEqual([...Array(30).keys()]);
});

it("says what is missing, and never a password", async () => {
  expect(await finish(begin(["list"], { AMQP_URL: "" }))).toMatchObject({
    code: 1,
    stderr: expect.stringContaining("Set AMQP_URL"),
  });
  const url = new URL(amqpUrl());
  url.username = "ada";
  url.password = "hunter2";
  const refused = await finish(begin(["list"], { AMQP_URL: url.href }));
  expect(refused.code).toBe(1);
  expect(refused.stderr).toContain("refused the login");
  expect(refused.stdout + refused.stderr).not.toContain("hunter2");
  expect(await run("list", "--service", "no-such-service")).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('"no-such-service" never started'),
  });
});

it("discards no letter that came after the question", async () => {
  await w().put({ id: "a" }, { id: "b" });
  const command = [process.execPath, main, "dead-letters", "discard", ...here()].join(" ");
  const env = { ...process.env, AMQP_URL: amqpUrl(), WARREN_DATA: "" };
  const running = spawn("script", ["-qec", command, "/dev/null"], { env });
  onTestFinished(() => void running.kill("SIGKILL"));
  let seen = "";
  running.stdout.on("data", (chunk) => {
    seen += String(chunk);
  });
  await expect.poll(() => seen, { timeout: 20_000 }).toContain("Discard 2 dead letters?");
  await w().put({ id: "c" });
  running.stdin.write("y\n");
  await new Promise((resolve) => running.once("close", resolve));
  expect(seen).toContain("2 dead letters discarded.");
  expect(await ids()).toEqual(["c"]);
});

it("points to the help of the command that was used wrongly", async () => {
  const { code, stderr } = await run("discard", "--every");
  expect(code).toBe(2);
  expect(stderr).toContain("npx warren dead-letters discard --help");
});

it("gives up after five seconds where no broker answers", async () => {
  const begun = performance.now();
  const { code, stderr } = await finish(begin(["list"], { AMQP_URL: "amqp://127.0.0.1:1" }));
  expect(code).toBe(1);
  expect(stderr).toMatch(/No RabbitMQ at .* within 5000 ms .*Start one, or correct the URL/);
  expect(performance.now() - begun).toBeLessThan(20_000);
});

it("ends in peace when nobody reads its output to the end", async () => {
  await w().put(...Array.from({ length: 100 }, () => ({ error: "x".repeat(5_000) })));
  const running = begin(["export", ...here()]);
  running.stdout!.once("data", () => running.stdout!.destroy());
  const [stderr, code] = await Promise.all([
    text(running.stderr!),
    new Promise<number | null>((resolve) => running.once("close", resolve)),
  ]);
  expect({ stderr: stderr.replace("100 dead letters written.\n", ""), code }).toEqual({
    stderr: "",
    code: 0,
  });
});
