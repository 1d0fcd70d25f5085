import { execFile } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import amqplib from "amqplib";
import { afterAll, describe, expect, test } from "vitest";
import { runArguments } from "../src/broker/container.ts";
import { greet, readGreeting } from "../src/broker/probe.ts";
import { readRecord } from "../src/broker/record.ts";
import { endProcess, identify, isAlive } from "../src/machine/process.ts";
import { systemClock } from "../src/time.ts";

const main = join(import.meta.dirname, "../src/cli/main.ts");

interface Finished {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

function warren(...args: string[]): Promise<Finished> {
  return new Promise((resolve) => {
    execFile(process.execPath, [main, ...args], (error, stdout, stderr) => {
      resolve({
        code: typeof error?.code === "number" ? error.code : error === null ? 0 : -1,
        stdout,
        stderr,
      });
    });
  });
}

const folders: string[] = [];

function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "warren broker "));
  folders.push(folder);
  return folder;
}

afterAll(async () => {
  for (const folder of folders) await warren("broker", "down", "--discard", "--data", folder);
});

function urlIn({ stdout }: Finished): string {
  return /^export AMQP_URL=(amqp:\S+)$/m.exec(stdout)?.[1] ?? `no URL in: ${stdout}`;
}

function nodePid(folder: string): number {
  return nodePids(folder)[0] ?? -1;
}

function nodePids(folder: string): number[] {
  const record = readRecord(folder);
  return record?.kind === "process" ? record.nodes.map(({ pid }) => pid) : [];
}

describe("warren broker", () => {
  test("starts a node, leaves a running one as it is, keeps its messages over a stop, and stops it", {
    timeout: 60_000,
  }, async () => {
    const folder = newFolder();
    const at = ["--data", folder];
    expect(await warren("broker", "status", ...at)).toMatchObject({
      code: 1,
      stdout: expect.stringContaining("not running"),
    });
    expect(await warren("broker", "down", ...at)).toMatchObject({
      code: 0,
      stdout: expect.stringContaining("No broker was running"),
    });

    const first = await warren("broker", "up", ...at);
    expect(first).toMatchObject({ code: 0, stderr: expect.stringContaining("is up") });
    await withChannel(urlIn(first), async (channel) => {
      await channel.assertQueue("kept", { durable: true, arguments: { "x-queue-type": "quorum" } });
      channel.sendToQueue("kept", Buffer.from("still here"), { persistent: true });
      await channel.waitForConfirms();
    });
    const pid = nodePid(folder);
    const again = await warren("broker", "up", "--quiet", ...at);
    expect(again).toEqual({ code: 0, stdout: first.stdout, stderr: "" });
    expect(nodePid(folder)).toBe(pid);
    const status = await warren("broker", "status", ...at);
    expect(status.code).toBe(0);
    for (const part of [urlIn(first), `pid ${pid}`, folder, "RabbitMQ"])
      expect(status.stdout).toContain(part);

    expect(await warren("broker", "down", ...at)).toMatchObject({
      code: 0,
      stdout: expect.stringContaining("is stopped"),
    });
    expect(identify(pid)).toBeUndefined();
    const second = await warren("broker", "up", ...at);
    await withChannel(urlIn(second), async (channel) => {
      const message = await channel.get("kept", { noAck: true });
      expect(message === false ? "nothing" : message.content.toString()).toBe("still here");
    });
  });

  test("two nodes started at the same moment in two folders both run, and a killed one is started anew", {
    timeout: 60_000,
  }, async () => {
    const [one, two] = [newFolder(), newFolder()];
    const [first, second] = await Promise.all([
      warren("broker", "up", "--data", one),
      warren("broker", "up", "--data", two),
    ]);
    expect([first.code, second.code]).toEqual([0, 0]);
    expect(urlIn(first)).not.toBe(urlIn(second));

    process.kill(nodePid(one), "SIGKILL");
    await expect.poll(() => identify(nodePid(one))).toBeUndefined();
    expect(await warren("broker", "status", "--data", one)).toMatchObject({ code: 1 });
    expect(await warren("broker", "status", "--data", two)).toMatchObject({ code: 0 });
    const killed = nodePid(one);
    expect(await warren("broker", "up", "--data", one)).toMatchObject({ code: 0 });
    expect(nodePid(one)).not.toBe(killed);

    const { epmd } = readRecord(one) as { epmd: { pid: number; started: string } } & NonNullable<unknown>;
    await warren("broker", "down", "--discard", "--data", one);
    expect(isAlive(epmd), "its name service ends with it").toBe(false);
    expect(await warren("broker", "status", "--data", two), "the other node still runs").toMatchObject({
      code: 0,
    });
  });

  test("a cluster starts, keeps a message while one node is dead, starts what is missing and comes back after a stop", {
    timeout: 180_000,
  }, async () => {
    const folder = newFolder();
    const at = ["--data", folder];
    const first = await warren("broker", "up", "--nodes", "3", ...at);
    expect(first).toMatchObject({ code: 0, stderr: expect.stringContaining("a cluster of 3 nodes") });
    const urls = urlIn(first).split(",");
    expect(new Set(urls).size).toBe(3);
    await withChannel(urls[0]!, async (channel) => {
      await channel.assertQueue("kept", { durable: true, arguments: { "x-queue-type": "quorum" } });
      channel.sendToQueue("kept", Buffer.from("still here"), { persistent: true });
      await channel.waitForConfirms();
    });

    const [one, two, three] = nodePids(folder);
    process.kill(one!, "SIGKILL");
    await expect.poll(() => identify(one!)).toBeUndefined();
    const status = await warren("broker", "status", ...at);
    expect(status).toMatchObject({ code: 1, stdout: expect.stringContaining("running in part") });
    expect(status.stdout).toMatch(/node 1 {3}not running.*\n.*node 2 {3}running.*\n.*node 3 {3}running/);
    await withChannel(urls[1]!, async (channel) => {
      // 0 until node 2 or 3 leads the queue.
      await expect
        .poll(async () => (await channel.checkQueue("kept")).messageCount, {
          message: "node 2 has the queue as well",
          timeout: 15_000,
        })
        .toBe(1);
    });
    expect(await warren("broker", "up", ...at)).toMatchObject({ code: 0, stdout: first.stdout });
    expect(nodePids(folder).slice(1), "those that ran still do").toEqual([two, three]);

    expect(await warren("broker", "down", ...at)).toMatchObject({ code: 0 });
    for (const pid of [two!, three!]) expect(identify(pid)).toBeUndefined();
    const other = await warren("broker", "up", "--nodes", "2", ...at);
    expect(other).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("a broker of 3 nodes, not of 2"),
    });
    const second = await warren("broker", "up", ...at);
    await withChannel(urlIn(second).split(",")[2]!, async (channel) => {
      const message = await channel.get("kept", { noAck: true });
      expect(message === false ? "nothing" : message.content.toString()).toBe("still here");
    });
  });

  test("when one node of a new cluster does not start, none is left running, and its data is no half cluster", {
    timeout: 60_000,
  }, async () => {
    const folder = newFolder();
    mkdirSync(join(folder, "node-2"));
    writeFileSync(join(folder, "node-2", "name"), "not a node name\n");
    const { code, stderr } = await warren("broker", "up", "--nodes", "2", "--data", folder);
    expect(code).toBe(1);
    expect(stderr).toContain("The node ended while it started");
    expect(readRecord(folder)).toBeUndefined();
    expect(existsSync(join(folder, "node-1", "log")), "node 1 was started").toBe(true);
    expect(existsSync(join(folder, "node-1", "mnesia")), "and is forgotten").toBe(false);
  });

  test("a port that another program has is refused by name, and nothing is left running", async () => {
    const folder = newFolder();
    const other = createServer().listen(0, "127.0.0.1");
    await new Promise((resolve) => other.once("listening", resolve));
    const { port } = other.address() as { port: number };
    const { code, stderr } = await warren("broker", "up", "--data", folder, "--port", String(port));
    other.close();
    expect(code).toBe(1);
    expect(stderr).toContain(`Port ${port} on 127.0.0.1 is in use by another program`);
    expect(readRecord(folder)).toBeUndefined();
  });

  test("a node that ends while it starts is reported with its last words", { timeout: 60_000 }, async () => {
    const folder = newFolder();
    mkdirSync(join(folder, "node-1"));
    writeFileSync(join(folder, "node-1", "name"), "not a node name\n");
    const { code, stderr } = await warren("broker", "up", "--data", folder);
    expect(code).toBe(1);
    expect(stderr).toContain("The node ended while it started");
    expect(stderr).toContain("last words");
    expect(readRecord(folder)).toBeUndefined();
  });

  test.for([["up", "--port", "70000"], ["up", "--nodes", "6"], ["up", "--prot", "1"], ["sideways"]])(
    "refuses %j with a usage error",
    async (args) => {
      const { code, stderr } = await warren("broker", ...args);
      expect(code).toBe(2);
      expect(stderr).toMatch(/^error: /);
    },
  );

  test("--version prints the version of the package", async () => {
    const { version } = JSON.parse(readFileSync(join(import.meta.dirname, "../package.json"), "utf8")) as {
      version: string;
    };
    expect(await warren("--version")).toEqual({ code: 0, stdout: `${version}\n`, stderr: "" });
  });
});

describe("what the command stands on", () => {
  test("a listener that is no broker, or says nothing, is not taken for one", async () => {
    const talkers = [(): string => "HTTP/1.1 400 Bad Request\r\n\r\n", (): undefined => undefined];
    for (const talk of talkers) {
      const server = createServer((socket) => {
        const words = talk();
        if (words !== undefined) socket.end(words);
        socket.on("error", () => {});
      }).listen(0, "127.0.0.1");
      await new Promise((resolve) => server.once("listening", resolve));
      const { port } = server.address() as { port: number };
      expect(await greet("127.0.0.1", port, 100)).toBeUndefined();
      server.close();
    }
  });

  test("a greeting cut anywhere is incomplete, never misread", () => {
    const greeting = greetingFrame({ cluster_name: "warren-1@host", product: "RabbitMQ", version: "3.10.8" });
    for (let size = 0; size < greeting.length - 1; size++) {
      expect(readGreeting(greeting.subarray(0, size))).toBe("incomplete");
    }
    expect(readGreeting(greeting)).toEqual({
      product: "RabbitMQ",
      version: "3.10.8",
      clusterName: "warren-1@host",
    });
  });

  test("a process is never ended for having the number of another", async () => {
    const self = identify(process.pid)!;
    await endProcess({ pid: self.pid, started: `${self.started}0` }, 10, systemClock);
    expect(isAlive(self)).toBe(true);
  });

  test("a container is reachable from this machine only", () => {
    const published = runArguments("warren-1", 5680).filter((argument) => argument.includes("5672"));
    expect(published).toEqual(["127.0.0.1:5680:5672"]);
  });
});

async function withChannel(
  url: string,
  work: (channel: amqplib.ConfirmChannel) => Promise<void>,
): Promise<void> {
  const connection = await amqplib.connect(url);
  try {
    await work(await connection.createConfirmChannel());
  } finally {
    await connection.close();
  }
}

/** `connection.start` with these server properties, and one of each other kind that RabbitMQ sends. */
function greetingFrame(properties: Record<string, string>): Buffer {
  const text = (value: string): Buffer => Buffer.concat([uint32(value.length), Buffer.from(value)]);
  const name = (value: string): Buffer => Buffer.from([value.length, ...Buffer.from(value)]);
  const fields = [name("capabilities"), Buffer.from("F"), text(`${name("confirms")}t\u0001`)];
  for (const [key, value] of Object.entries(properties))
    fields.push(name(key), Buffer.from("S"), text(value));
  const table = Buffer.concat(fields);
  const payload = Buffer.concat([
    Buffer.from([0, 10, 0, 10, 0, 9]),
    uint32(table.length),
    table,
    text("PLAIN"),
    text("en_US"),
  ]);
  return Buffer.concat([Buffer.from([1, 0, 0]), uint32(payload.length), payload, Buffer.from([0xce])]);
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}
