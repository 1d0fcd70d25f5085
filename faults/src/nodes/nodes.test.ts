import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { createInterface } from "node:readline";
import amqplib from "amqplib";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { type Nodes, startNodes } from "./index.ts";

let nodes: Nodes;
let connection: amqplib.ChannelModel;
let channel: amqplib.ConfirmChannel;

beforeAll(async () => {
  nodes = await startNodes({ count: 1 });
});
afterAll(() => nodes.stop());

async function connect(): Promise<void> {
  connection = await amqplib.connect(nodes.url);
  connection.on("error", () => {}); // Most of these tests end it.
  channel = await connection.createConfirmChannel();
  channel.on("error", () => {});
}

async function queueWith(queue: string, type: string, messages: number): Promise<void> {
  await channel.assertQueue(queue, { durable: true, arguments: { "x-queue-type": type } });
  for (let count = 0; count < messages; count++)
    channel.sendToQueue(queue, Buffer.from("x"), { persistent: true });
  await channel.waitForConfirms();
}

/** How the broker answered a message: it has it, or it refused it. */
function publish(queue: string): Promise<"confirmed" | "refused"> {
  return new Promise((resolve) =>
    channel.sendToQueue(queue, Buffer.from("x"), {}, (error) =>
      resolve(error === null || error === undefined ? "confirmed" : "refused"),
    ),
  );
}

test("an expression is evaluated on the node, and one that fails says where and why", async () => {
  const node = nodes.nodes[0]!;
  expect(await node.evaluate("node()")).toBe(`'${node.name}'`);
  expect(await node.evaluate('<<"text é"/utf8>>')).toBe("text é");
  await expect(node.evaluate("no:such(1)")).rejects.toThrow(
    /warren-.* did not evaluate "no:such\(1\)".*undef/,
  );
  await expect(node.evaluate("1 +")).rejects.toThrow("syntax error");
  await expect(node.evaluate("timer:sleep(5000)", 20)).rejects.toThrow("no answer within 20 ms");
});

test.for(["quorum", "classic"])(
  "the state of a %s queue is counted now, and the queue deleted under its consumer",
  async (type) => {
    await connect();
    const queue = `a '${type}' queue, ünnamed`;
    await queueWith(queue, type, 3);
    expect(await nodes.queueState(queue)).toEqual({ ready: 3, unacked: 0, consumers: 0 });
    await channel.prefetch(1);
    const cancelled = vi.fn();
    const delivered = vi.fn();
    await channel.consume(queue, (message) => (message === null ? cancelled() : delivered()));
    await vi.waitFor(() => expect(delivered).toHaveBeenCalledOnce());
    expect(await nodes.queueState(queue)).toEqual({ ready: 2, unacked: 1, consumers: 1 });
    expect(await nodes.leaderOf(queue)).toBe(nodes.nodes[0]!.name);
    expect(await nodes.queueNames()).toContain(queue);

    expect(await nodes.deleteQueue(queue)).toBe(true);
    await vi.waitFor(() => expect(cancelled).toHaveBeenCalledOnce());
    expect(await nodes.deleteQueue(queue)).toBe(false);
    expect(await nodes.queueState(queue)).toBeUndefined();
    await connection.close();
  },
);

test("bindings are removed by key, exchanges deleted, and a policy limits a queue until it is cleared", async () => {
  await connect();
  await queueWith("bound", "quorum", 0);
  await channel.assertExchange("orders", "topic");
  for (const key of ["one", "two"]) await channel.bindQueue("bound", "orders", key);
  expect(await nodes.unbind("orders", "bound", "one")).toBe(1);
  expect(await nodes.unbind("orders", "bound", "one")).toBe(0);
  expect(await nodes.unbind("orders", "bound", "two")).toBe(1);
  expect(await nodes.deleteExchange("orders")).toBe(true);
  expect(await nodes.deleteExchange("orders")).toBe(false);

  const limit = { "max-length": 1, overflow: "reject-publish" };
  await nodes.setPolicy({ name: "full", pattern: "^bound$", definition: limit });
  await expect.poll(() => publish("bound")).toBe("refused");
  await nodes.clearPolicy("full");
  // RabbitMQ 3.10 goes on refusing what a channel publishes that was refused before; another one may publish.
  channel = await connection.createConfirmChannel();
  await expect.poll(() => publish("bound")).toBe("confirmed");
  await connection.close();
});

test.for(["memoryAlarm", "diskAlarm"] as const)(
  "a %s blocks publishers until it is switched off",
  async (alarm) => {
    await connect();
    const told: string[] = [];
    connection.on("blocked", () => told.push("blocked")).on("unblocked", () => told.push("unblocked"));
    await queueWith("alarmed", "quorum", 0);
    await nodes.nodes[0]![alarm](true);
    const answer = publish("alarmed");
    await vi.waitFor(() => expect(told).toEqual(["blocked"]));
    await nodes.nodes[0]![alarm](false);
    expect(await answer).toBe("confirmed");
    await vi.waitFor(() => expect(told).toEqual(["blocked", "unblocked"]));
    await connection.close();
  },
);

test("connections are closed in order, and virtual hosts made, restarted and deleted", async () => {
  await nodes.addVhost("other");
  const there = await amqplib.connect(`${nodes.url}/other`);
  const closed = vi.fn();
  there.on("close", closed);
  expect(await nodes.closeConnections()).toBe(1);
  await vi.waitFor(() => expect(closed.mock.calls[0]?.[0].message).toContain("closed by the fault suite"));
  await nodes.deleteVhost("other");

  await connect();
  await queueWith("kept", "classic", 2);
  const ended = new Promise((resolve) => connection.once("close", resolve));
  await nodes.restartVhost();
  await ended;
  expect(await nodes.queueState("kept")).toMatchObject({ ready: 2 });
});

test("a node is paused, its application stopped, itself killed, and comes back on its port with its messages", {
  timeout: 60_000,
}, async () => {
  const node = nodes.nodes[0]!;
  await connect();
  await queueWith("survivor", "quorum", 2);
  node.pause();
  await expect(node.evaluate("1", 50)).rejects.toThrow("did not evaluate");
  await expect(nodes.queueState("survivor")).rejects.toThrow("node 1 paused");
  node.resume();
  expect(await nodes.queueState("survivor")).toMatchObject({ ready: 2 });

  await node.stopApp();
  await expect(amqplib.connect(nodes.url)).rejects.toThrow("ECONNREFUSED");
  await node.startApp();
  const { pid } = node;
  await node.kill();
  expect(node.state).toBe("ended");
  const before = Date.now();
  const { portOpenedAtMs } = await node.restart();
  expect(portOpenedAtMs).toBeGreaterThan(before);
  expect(portOpenedAtMs).toBeLessThanOrEqual(Date.now());
  expect(node.pid).not.toBe(pid);
  await connect();
  expect(await nodes.queueState("survivor")).toMatchObject({ ready: 2 });
  await connection.close();
});

test("nodes end, and what they wrote is deleted, when the process that started them is killed", {
  timeout: 60_000,
}, async () => {
  const source = `
    const { startNodes } = await import(${JSON.stringify(new URL("./index.ts", import.meta.url).href)});
    const { nodes } = await startNodes({ count: 1 });
    console.log(JSON.stringify([nodes[0].pid, nodes[0].folder]));
  `;
  const suite = spawn(process.execPath, ["--input-type=module", "-e", source], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const line = await new Promise<string>((resolve) =>
    createInterface({ input: suite.stdout }).once("line", resolve),
  );
  const [pid, folder] = JSON.parse(line) as [number, string];
  suite.kill("SIGKILL");
  await expect.poll(() => existsSync(`/proc/${pid}`), { timeout: 10_000 }).toBe(false);
  await expect.poll(() => existsSync(folder), { timeout: 10_000 }).toBe(false);
});
