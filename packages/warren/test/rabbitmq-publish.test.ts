import { expect, test, vi } from "vitest";
import { fakeAmqpServer } from "./fake-amqp-server.ts";
import { deletedLater, durableQueue, message, outsider, text, transport, unique } from "./rabbit.ts";

test("a message arrives as it was sent, whatever its size and characters", async () => {
  const own = transport();
  const queue = await durableQueue(own);
  const sent = [0, 1, 8_191, 8_193, 131_064, 131_065, 1_000_000].map((bytes) =>
    message(queue, {
      body: Buffer.alloc(bytes, "ä"),
      messageId: `größe-${bytes}`,
      correlationId: "c".repeat(255),
      replyTo: "some.queue",
      type: "service.method",
      appId: "i1",
      contentType: "application/json",
      expirationMs: 60_000,
      timestampSeconds: 1_800_000_000,
      headers: {
        text: "grüße",
        empty: "",
        int: -5,
        far: 2 ** 40,
        half: 0.5,
        huge: 1e300,
        yes: true,
        no: false,
        zero: -0,
      },
    }),
  );
  await Promise.all(sent.map((one) => own.publish(one)));
  const got = new Map<string, unknown>();
  const consumer = await own.consume(queue, (one) => (got.set(one.messageId!, one), "ack"), { prefetch: 10 });
  await vi.waitFor(() => expect(got.size).toBe(sent.length));
  for (const { mandatory: _, ...one } of sent) {
    const { headers, ...rest } = one;
    expect(got.get(one.messageId!)).toMatchObject({ ...rest, redelivered: false });
    expect(got.get(one.messageId!)).toHaveProperty("headers", expect.objectContaining(headers));
  }
  await consumer.stop();
});

test("what no AMQP property can hold is refused, and the next message goes through", async () => {
  const own = transport();
  const queue = await durableQueue(own);
  await expect(own.publish(message(queue, { type: "ä".repeat(128) }))).rejects.toThrow(
    "type of a message has 256 bytes",
  );
  await expect(own.publish(message(queue, { headers: { list: [] as never } }))).rejects.toThrow(
    "header of a message",
  );
  await expect(own.publish(message(queue, { expirationMs: Number.NaN }))).rejects.toThrow("expirationMs");
  const headers = { long: "x".repeat(200_000) };
  await expect(own.publish(message(queue, { headers }))).rejects.toMatchObject({ code: "TOO_LARGE" });
  await own.publish(message(queue, { expirationMs: 1e15 }));
  expect(await own.inspect(queue)).toMatchObject({ messages: 1 });
});

test("what the broker noted on a message does not travel on, and no header routes it elsewhere", async () => {
  const own = transport();
  const [queue, other] = [await durableQueue(own), await durableQueue(own)];
  const headers = { CC: other, BCC: other, "x-first-death-queue": other, "x-delivery-count": 9, kept: 1 };
  await own.publish(message(queue, { headers }));
  const got: object[] = [];
  await own.consume(queue, (one) => (got.push({ ...one.headers }), "ack"), { prefetch: 1 });
  await vi.waitFor(() => expect(got).toHaveLength(1));
  expect(got[0]).toMatchObject({ kept: 1 });
  for (const name of ["CC", "BCC", "x-first-death-queue"]) expect(got[0]).not.toHaveProperty([name]);
  expect(got[0]).not.toHaveProperty("x-delivery-count", 9);
  expect(await own.inspect(other)).toMatchObject({ messages: 0 });
});

test("a body over the limit is TOO_LARGE, published or sent", async () => {
  const own = transport({ maxMessageBytes: 100 });
  const queue = await durableQueue(own);
  const large = message(queue, { body: Buffer.alloc(101) });
  await expect(own.publish(large)).rejects.toMatchObject({
    code: "TOO_LARGE",
    data: { bytes: 101, limit: 100 },
  });
  expect(() => own.send(large)).toThrow(expect.objectContaining({ code: "TOO_LARGE" }));
});

test("a mandatory message without a queue is UNROUTABLE, with or without an id, alone of many", async () => {
  const own = transport();
  const queue = await durableQueue(own);
  const outcomes = await Promise.allSettled([
    own.publish(message(queue, { messageId: "same" })),
    own.publish(message(unique("nowhere"), { messageId: "same" })),
    own.publish(message(unique("nowhere"))),
    own.publish(message(unique("nowhere"), { mandatory: false })),
    own.publish(message(queue)),
  ]);
  expect(outcomes.map((one) => (one.status === "fulfilled" ? "taken" : one.reason.code))).toEqual([
    "taken",
    "UNROUTABLE",
    "UNROUTABLE",
    "taken",
    "taken",
  ]);
});

test("a sent message that no queue takes calls back once; one that is taken does not", async () => {
  const own = transport();
  const queue = await durableQueue(own);
  const returned: string[] = [];
  expect(own.send(message(queue, { messageId: "a" }), () => returned.push("a"))).toBe(true);
  expect(own.send(message(unique("nowhere"), { messageId: "b" }), () => returned.push("b"))).toBe(true);
  expect(own.send(message(unique("nowhere")), () => returned.push("c"))).toBe(true);
  await vi.waitFor(() => expect(returned).toEqual(["b", "c"]));
});

test("an exchange that does not exist fails its own messages only, though it costs the channel", async () => {
  const own = transport();
  const queue = await durableQueue(own);
  const exchange = unique("missing");
  const others = Array.from({ length: 20 }, () => own.publish(message(queue)));
  await expect(own.publish(message("key", { exchange }))).rejects.toMatchObject({ code: "UNROUTABLE" });
  await Promise.all([...others, own.publish(message(queue))]);
  const returned = vi.fn();
  await vi.waitFor(() => expect(own.send(message("key", { exchange }), returned)).toBe(true));
  await vi.waitFor(() => expect(returned).toHaveBeenCalledTimes(1));
  await vi.waitFor(() => expect(own.send(message(queue))).toBe(true));
  await vi.waitFor(async () => expect((await own.inspect(queue))!.messages).toBeGreaterThanOrEqual(22));
});

test("a full queue's refusal is tried again until there is room", async () => {
  const own = transport();
  const queue = unique("full");
  const channel = await outsider();
  await deletedLater(queue);
  await channel.assertQueue(queue, { arguments: { "x-max-length": 1, "x-overflow": "reject-publish" } });
  await own.publish(message(queue));
  let settled = false;
  const second = own.publish(message(queue, { body: Buffer.from("second") })).finally(() => {
    settled = true;
  });
  const impatient = transport({ publishTimeoutMs: 200 });
  await expect(impatient.publish(message(queue))).rejects.toMatchObject({
    code: "UNAVAILABLE",
    message: expect.stringContaining("refuses the message"),
  });
  expect(settled).toBe(false);
  await channel.get(queue, { noAck: true });
  await second;
  const last = await channel.get(queue, { noAck: true });
  expect(last && text(last.content)).toBe("second");
});

test("a blocked broker is waited for: publishes stay, sends are refused, and the state says why", async () => {
  const server = await fakeAmqpServer();
  const own = transport({ url: server.url, maxWaiting: 2 });
  await vi.waitFor(() => expect(own.send(message("queue"))).toBe(true));
  server.blocked("low on memory");
  await vi.waitFor(() =>
    expect(own.state).toMatchObject({ publishing: false, reason: expect.stringContaining("low on memory") }),
  );
  expect(own.send(message("queue"))).toBe(false);
  const published = [own.publish(message("queue")), own.publish(message("queue"))];
  await expect(own.publish(message("queue"))).rejects.toMatchObject({
    code: "OVERLOADED",
    data: { limit: 2 },
  });
  expect(server.received).toBe(0);
  server.unblocked();
  await vi.waitFor(() => expect(server.received).toBe(2));
  expect(own.state.publishing).toBe(true);
  server.confirm();
  await Promise.all(published);
});

test("what a full queue refuses counts until it is taken: no more than the limits allow is ever under way", async () => {
  const own = transport({ maxUnconfirmed: 5, maxWaiting: 5 });
  const queue = unique("full");
  const channel = await outsider();
  await deletedLater(queue);
  await channel.assertQueue(queue, { arguments: { "x-max-length": 1, "x-overflow": "reject-publish" } });
  await own.publish(message(queue));
  const refused: unknown[] = [];
  const published: Promise<void>[] = [];
  for (let n = 0; n < 40; n++) {
    published.push(own.publish(message(queue)).catch((fault) => void refused.push(fault)));
    // Lets the broker's refusals arrive, which frees places among the unconfirmed.
    await own.inspect(queue);
  }
  expect(refused).toHaveLength(30);
  expect(refused[0]).toMatchObject({ code: "OVERLOADED", data: { limit: 5 } });
  await channel.deleteQueue(queue);
  await Promise.all(published);
});

test("no more than maxWaitingBytes is under way, but for a single message that is larger", async () => {
  const server = await fakeAmqpServer();
  const own = transport({ url: server.url, maxWaitingBytes: 250 });
  const bytes = (length: number) => message("queue", { body: Buffer.alloc(length) });
  const published = [own.publish(bytes(100)), own.publish(bytes(100))];
  await expect(own.publish(bytes(100))).rejects.toMatchObject({ code: "OVERLOADED", data: { limit: 250 } });
  await vi.waitFor(() => expect(server.received).toBe(2));
  server.confirm();
  await Promise.all(published);
  const large = own.publish(bytes(300));
  await vi.waitFor(() => expect(server.received).toBe(3));
  server.confirm();
  await large;
});

test("a publish that the broker never confirms is UNAVAILABLE in time, and says why", async () => {
  const server = await fakeAmqpServer();
  const own = transport({ url: server.url, publishTimeoutMs: 300 });
  await expect(own.publish(message("queue"))).rejects.toMatchObject({
    code: "UNAVAILABLE",
    message: expect.stringMatching(/did not confirm .* within 300 ms \(no answer\)/),
  });
});

test("a confirm that never comes holds no place for ever, and one that comes too late means nothing", async () => {
  const server = await fakeAmqpServer();
  const own = transport({ url: server.url, publishTimeoutMs: 300, maxUnconfirmed: 1 });
  await expect(own.publish(message("queue"))).rejects.toMatchObject({ code: "UNAVAILABLE" });
  const next = own.publish(message("queue"));
  await vi.waitFor(() => expect(server.received).toBe(2));
  server.confirm();
  await next;
});

test("no more than the allowed number is unconfirmed at once", async () => {
  const server = await fakeAmqpServer();
  const own = transport({ url: server.url, maxUnconfirmed: 3 });
  const published = Array.from({ length: 5 }, () => own.publish(message("queue")));
  await vi.waitFor(() => expect(server.received).toBe(3));
  server.confirm();
  await vi.waitFor(() => expect(server.received).toBe(5));
  server.confirm();
  await Promise.all(published);
});

test("closing waits for the unconfirmed, then fails the rest and everything later with STOPPED", async () => {
  const server = await fakeAmqpServer();
  const own = transport({ url: server.url });
  const published = own.publish(message("queue"));
  await vi.waitFor(() => expect(server.received).toBe(1));
  const closed = own.close({ drainMs: 5_000 });
  await expect(own.publish(message("queue"))).rejects.toMatchObject({ code: "STOPPED" });
  server.confirm();
  await published;
  await closed;
  expect(own.send(message("queue"))).toBe(false);
  await expect(own.declare({})).rejects.toMatchObject({ code: "STOPPED" });

  const hasty = transport({ url: server.url });
  const left = expect(hasty.publish(message("queue"))).rejects.toMatchObject({ code: "STOPPED" });
  await vi.waitFor(() => expect(server.received).toBe(2));
  await hasty.close({ drainMs: 0 });
  await left;
});
