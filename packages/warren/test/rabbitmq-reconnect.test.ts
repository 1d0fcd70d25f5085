import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { expect, onTestFinished, test, vi } from "vitest";
import { tcpProxy } from "../src/testing/tcp-proxy.ts";
import type { Disposition } from "../src/transport.ts";
import { deletedLater, durableQueue, message, outsider, proxied, text, transport, unique } from "./rabbit.ts";

test("a cut connection comes back: topology, consumer and reply address with it", async () => {
  const { proxy, url } = await proxied();
  const lasting = transport();
  const broken = transport({ url });
  const own = unique("own");
  const idle = unique("idle");
  await broken.declare({
    exchanges: [{ name: unique("exchange"), type: "topic" }],
    queues: [own, idle].map((name) => ({ name, type: "classic", lifetime: "connection" })),
  });
  const got: string[] = [];
  await broken.consume(own, ({ body }) => (got.push(text(body)), "ack"), { prefetch: 10 });
  const answers: string[] = [];
  const replies = await broken.replies(({ body }) => answers.push(text(body)));
  const before = replies.address;
  expect(broken.state).toEqual({ publishing: true, consuming: true });
  const states: boolean[] = [];
  broken.watch(({ consuming }) => states.push(consuming));

  expect(proxy.cut()).toBe(2);

  await vi.waitFor(() => expect(states).toContain(false));
  await vi.waitFor(() => expect(broken.state).toEqual({ publishing: true, consuming: true }), 5_000);
  expect(replies.address).not.toBe(before);
  // Exclusive queues went with their connection, so this proves that they were declared again, consumed or not.
  await lasting.publish(message(idle));
  await lasting.publish(message(own, { body: Buffer.from("after") }));
  await lasting.publish(message(replies.address!, { body: Buffer.from("answer"), persistent: false }));
  await vi.waitFor(() => expect({ got, answers }).toEqual({ got: ["after"], answers: ["answer"] }));
});

test("a consumer is told that what it has in hand was taken back, before it comes again; not when it stops", async () => {
  const { proxy, url } = await proxied();
  const broken = transport({ url });
  const queue = await durableQueue(broken);
  const told: string[] = [];
  const lost = Promise.withResolvers<Disposition>();
  const consumer = await broken.consume(
    queue,
    ({ redelivered }) => {
      told.push(redelivered ? "again" : "first");
      return redelivered ? "ack" : lost.promise;
    },
    {
      prefetch: 1,
      lost: () => {
        told.push("lost");
        lost.resolve("ack");
      },
    },
  );
  await transport().publish(message(queue));
  await vi.waitFor(() => expect(told).toEqual(["first"]));
  proxy.cut();
  await vi.waitFor(() => expect(told).toEqual(["first", "lost", "again"]));
  await consumer.stop();
  expect(told).toEqual(["first", "lost", "again"]);
});

test("what was not confirmed when the connection was lost is published again", async () => {
  const { proxy, url } = await proxied();
  const broken = transport({ url });
  const queue = await durableQueue(broken);
  await proxy.set("blackhole");
  const published = Array.from({ length: 50 }, (_, i) =>
    broken.publish(message(queue, { messageId: `m${i}` })),
  );
  proxy.cut();
  await proxy.set("pass");
  await Promise.all(published);
  const seen = new Set<string>();
  await transport().consume(queue, ({ messageId }) => (seen.add(messageId!), "ack"), { prefetch: 100 });
  await vi.waitFor(() => expect(seen.size).toBe(50));
});

test("publishes made while the broker is away are sent when it is back, and sends are refused", async () => {
  const { proxy, url } = await proxied();
  const broken = transport({ url });
  const queue = await durableQueue(broken);
  await proxy.set("refuse");
  proxy.cut();
  await vi.waitFor(() => expect(broken.state.publishing).toBe(false));
  await vi.waitFor(() => expect(broken.state.reason).toContain("ECONNREFUSED"));
  expect(broken.send(message(queue))).toBe(false);
  const published = broken.publish(message(queue));
  await proxy.set("pass");
  await published;
  expect(await broken.inspect(queue)).toEqual({ messages: 1, consumers: 0 });
});

test("an ack for a delivery of a lost connection does not touch the next one", async () => {
  const { proxy, url } = await proxied();
  const broken = transport({ url });
  const queue = await durableQueue(broken);
  const deliveries: ((disposition: Disposition) => void)[] = [];
  await broken.consume(queue, () => new Promise((resolve) => deliveries.push(resolve)), { prefetch: 1 });
  await broken.publish(message(queue));
  await vi.waitFor(() => expect(deliveries).toHaveLength(1));
  proxy.cut();
  await vi.waitFor(() => expect(deliveries).toHaveLength(2), 5_000);
  // Both deliveries have tag 1, each on its own channel.
  deliveries[0]!("ack");
  // Answered on the consuming connection, behind anything that was sent on it.
  await broken.inspect(queue);
  proxy.cut();
  await vi.waitFor(() => expect(deliveries).toHaveLength(3), 5_000);
  deliveries[2]!("ack");
  deliveries[1]!("ack");
  await vi.waitFor(async () => {
    const channel = await outsider();
    expect((await channel.checkQueue(queue)).messageCount).toBe(0);
  });
});

test("a queue deleted under its consumer is declared and consumed again", async () => {
  const own = transport();
  const exchange = unique("exchange");
  const queue = unique("queue");
  await own.declare({
    exchanges: [{ name: exchange, type: "topic" }],
    queues: [{ name: queue, type: "quorum", lifetime: "durable" }],
    bindings: [{ queue, exchange, key: "a.*" }],
  });
  await deletedLater(queue);
  const got: string[] = [];
  await own.consume(queue, ({ key }) => (got.push(key), "ack"), { prefetch: 10 });
  const channel = await outsider();
  onTestFinished(async () => void (await (await outsider()).deleteExchange(exchange)));
  const states: (string | undefined)[] = [];
  own.watch(({ reason }) => states.push(reason));
  await channel.deleteQueue(queue);
  await vi.waitFor(() => expect(states).toContainEqual(expect.stringContaining(`not attached to ${queue}`)));
  await vi.waitFor(() => expect(own.state.consuming).toBe(true));
  await own.publish(message("a.b", { exchange }));
  await vi.waitFor(() => expect(got).toEqual(["a.b"]));
});

test("the next host is tried when one refuses", async () => {
  const { url } = await proxied();
  const away = await tcpProxy({ host: "127.0.0.1", port: 1 });
  await away.close();
  // The first host is drawn at random; this draws the one that refuses.
  const two = transport({ urls: [`amqp://127.0.0.1:${away.port}`, url], random: () => 0 });
  const queue = await durableQueue(two);
  await two.publish(message(queue));
  expect(two.state.publishing).toBe(true);
});

test("a half-open connection is noticed by the missing heartbeats", { timeout: 15_000 }, async () => {
  const { proxy, url } = await proxied();
  const broken = transport({ url, heartbeatSeconds: 1, connectTimeoutMs: 1_000 });
  const queue = await durableQueue(broken);
  await proxy.set("blackhole");
  const published = broken.publish(message(queue));
  await vi.waitFor(() => expect(broken.state.reason).toContain("Heartbeat timeout"), 10_000);
  await proxy.set("pass");
  await published;
});

test("a broker that accepts the connection and says nothing is given up", async () => {
  const mute = createServer(() => {});
  mute.listen(0, "127.0.0.1");
  await once(mute, "listening");
  onTestFinished(() => void mute.close());
  const { port } = mute.address() as AddressInfo;
  const waiting = transport({ url: `amqp://127.0.0.1:${port}`, connectTimeoutMs: 300 });
  await expect(waiting.declare({})).rejects.toMatchObject({
    code: "UNAVAILABLE",
    message: expect.stringContaining(`127.0.0.1:${port}`),
  });
});
