// The command as people run it: a process of its own, against RabbitMQ.
import { spawn } from "node:child_process";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { expect, it, onTestFinished, vi } from "vitest";
import { amqpUrl } from "../../../test/amqp-url.ts";
import { type App, app, contract, rpc, service, silent } from "../src/index.ts";
import { fresh } from "./directory-world.ts";
import { transport } from "./rabbit.ts";

const main = join(import.meta.dirname, "../src/cli/main.ts");
vi.setConfig({ testTimeout: 60_000 });

function command(env: Readonly<Record<string, string>>, ...args: string[]) {
  const child = spawn(process.execPath, [main, "directory", ...args], {
    env: { ...process.env, COLUMNS: "200", AMQP_URL: amqpUrl(), WARREN_DATA: "", ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  return child;
}

async function run(...args: string[]) {
  return ended(command({}, ...args));
}

async function ended(child: ReturnType<typeof command>) {
  const [stdout, stderr, code] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    new Promise<number | null>((resolve) => child.once("close", resolve)),
  ]);
  return { code, stdout, stderr };
}

async function start(name: string, version?: string, methods: Record<string, any> = {}): Promise<App> {
  const handlers = Object.fromEntries(Object.keys(methods).map((each) => [each, () => {}]));
  const made = app({
    transport: transport(),
    services: [service(contract(name, { methods }) as never, { methods: handlers as never })],
    ...(version !== undefined && { version }),
    log: silent,
  });
  onTestFinished(() => made.stop({ drainMs: 0 }));
  await made.start();
  return made;
}

it("lists instances, and says where two versions and two contracts run side by side", async () => {
  const name = fresh("stock");
  const [old, young] = [await start(name, "1.4.0"), await start(name, "1.5.0", { take: rpc() })];
  const { code, stdout, stderr } = await run("--service", name);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  expect(stdout).toMatch(new RegExp(`${name} +${old.instance} +1\\.4\\.0 ! +[0-9a-f]{8} ! .* here`));
  expect(stdout).toMatch(new RegExp(`${name} +${young.instance} +1\\.5\\.0 ! `));
  expect(stdout).toContain("2 instances of 1 service.");
  expect(stdout).toContain(`! ${name} runs in 2 versions: 1.4.0 (1), 1.5.0 (1).`);
  expect(stdout).toContain(`! ${name} runs with 2 contracts: `);
});

it("gives JSON to other programs", async () => {
  const name = fresh("stock");
  const one = await start(name, "2.0");
  const { stdout } = await run("--service", name, "--json");
  expect(JSON.parse(stdout)).toMatchObject({
    service: name,
    id: one.instance,
    version: "2.0",
    state: "here",
    since: expect.stringMatching(/^\d{4}-.*Z$/),
  });
});

it("tells of changes, a line each, until it is interrupted", async () => {
  const name = fresh("stock");
  const child = command({}, "--service", name, "--watch");
  let output = "";
  child.stdout.on("data", (bytes: Buffer) => (output += bytes.toString()));
  const end = ended(child);
  await vi.waitFor(() => expect(output).toContain(`No instance is there of: ${name}.`));
  const one = await start(name, "3.1");
  await vi.waitFor(() => expect(output).toMatch(new RegExp(`Z {2}joined {3}${name} ${one.instance} 3\\.1 `)));
  await one.stop();
  await vi.waitFor(() => expect(output).toMatch(new RegExp(`Z {2}left {5}${name} ${one.instance} `)));
  expect(output).toMatch(new RegExp(`Z {2}leaving {2}${name} `));
  child.kill("SIGINT");
  expect((await end).code).toBe(130);
});

it("names a service that is down, and one that never was", async () => {
  const name = fresh("stock");
  await (await start(name)).stop();
  const down = await run("--service", name);
  expect(down).toMatchObject({ code: 1, stderr: "" });
  expect(down.stdout).toContain(`No instance is there of: ${name}.`);
  const never = await run("--service", `${name}-x`);
  expect(never.stderr).toContain(`No service "${name}-x" ever started on this broker.`);
});

it("says what it needs", async () => {
  const { code, stderr } = await ended(command({ AMQP_URL: "" }));
  expect(code).toBe(1);
  expect(stderr).toContain("AMQP_URL is not set");
  const help = await run("--help");
  expect(help.stdout).toContain("npx warren directory --watch");
});
