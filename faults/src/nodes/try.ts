import amqplib from "amqplib";
import { startNodes } from "./index.ts";

const t0 = Date.now();
const log = (...a: unknown[]) => console.log(Date.now() - t0, ...a);
const nodes = await startNodes({ count: 1 });
try {
  const n = nodes.nodes[0]!;
  log("up", nodes.url, nodes.version);
  const step = async (name: string, f: () => Promise<unknown>) => {
    const b = Date.now();
    try {
      const r = await f();
      log(name, JSON.stringify(r), `${Date.now() - b} ms`);
    } catch (e) {
      log(name, "FAILED", (e as Error).message, `${Date.now() - b} ms`);
    }
  };
  await step("eval", () => n.evaluate("1+1"));
  await step("eval bad", () => n.evaluate("foo:bar()"));
  await step("eval syntax", () => n.evaluate("foo bar"));
  const c = await amqplib.connect(nodes.url);
  c.on("error", (e) => log("conn error", e.message));
  c.on("close", () => log("conn closed"));
  c.on("blocked", (r) => log("blocked", r));
  c.on("unblocked", () => log("unblocked"));
  const ch = await c.createConfirmChannel();
  ch.on("error", () => {});
  for (const [q, t] of [
    ["a ü'q", "quorum"],
    ["c", "classic"],
  ] as const) {
    await ch.assertQueue(q, { durable: true, arguments: { "x-queue-type": t } });
    await ch.assertExchange("x", "topic");
    await ch.bindQueue(q, "x", "k");
    for (let i = 0; i < 3; i++) ch.sendToQueue(q, Buffer.from("1"));
    await ch.waitForConfirms();
    await step("state", () => nodes.queueState(q));
    await ch.prefetch(1);
    await ch.consume(q, (m) => {
      if (m === null) log("basic.cancel", q);
    });
    await step("state", () => nodes.queueState(q));
    await step("leader", () => nodes.leaderOf(q));
    await step("unbind", () => nodes.unbind("x", q, "k"));
    await step("policy", () =>
      nodes.setPolicy({
        name: "p",
        pattern: ".*",
        definition: { "max-length": 3, overflow: "reject-publish" },
      }),
    );
    await new Promise((r) => setTimeout(r, 100));
    let nacks = 0;
    for (let i = 0; i < 10; i++)
      await new Promise<void>((r) =>
        ch.sendToQueue(q, Buffer.from("1"), {}, (e) => {
          if (e) nacks++;
          r();
        }),
      );
    log("nacks", nacks);
    await step("clear", () => nodes.clearPolicy("p"));
    await step("memory", () => n.memoryAlarm(true));
    ch.sendToQueue(q, Buffer.from("x"));
    await new Promise((r) => setTimeout(r, 50));
    await step("memory off", () => n.memoryAlarm(false));
    await step("disk", () => n.diskAlarm(true));
    ch.sendToQueue(q, Buffer.from("x"));
    await new Promise((r) => setTimeout(r, 50));
    await step("disk off", () => n.diskAlarm(false));
    await step("names", () => nodes.queueNames());
  }
  await step("restartVhost", () => nodes.restartVhost());
  await step("state after vhost", () => nodes.queueState("c"));
  await step("state after vhost", () => nodes.queueState("a ü'q"));
  await new Promise((r) => setTimeout(r, 300));
  for (const q of ["a ü'q", "c"]) {
    await step("delete", () => nodes.deleteQueue(q));
    await step("delete again", () => nodes.deleteQueue(q));
    await step("state", () => nodes.queueState(q));
  }
  await step("delete x", () => nodes.deleteExchange("x"));
  await step("delete x", () => nodes.deleteExchange("x"));
  await step("vhost", () => nodes.addVhost("v"));
  const c2 = await amqplib.connect(nodes.url + "/v");
  c2.on("error", (e) => log("conn2 error", e.message));
  await step("close", () => nodes.closeConnections());
  await step("vhost del", () => nodes.deleteVhost("v"));
  await new Promise((r) => setTimeout(r, 100));
  await step("pause", async () => n.pause());
  await step("eval paused", () => n.evaluate("1+1", 500));
  await step("state paused", () => nodes.queueState("c"));
  await step("resume", async () => n.resume());
  await step("eval", () => n.evaluate("1+1"));
  await step("stopApp", () => n.stopApp());
  await step("startApp", () => n.startApp());
  await step("kill", () => n.kill());
  await step("restart", async () => {
    const r = await n.restart();
    return Date.now() - r.portOpenedAtMs;
  });
  await step("eval", () => n.evaluate("1+1"));
  await step("restart while running", () => n.restart());
  await step("stop", () => n.stopGracefully());
  await step("restart", () => n.restart());
  await step("eval", () => n.evaluate("node()"));
} finally {
  await nodes.stop();
  log("stopped");
}
