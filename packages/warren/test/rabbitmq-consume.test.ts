import { expect, test, vi } from "vitest";
import type { Incoming } from "../src/message.ts";
import type { AmqpChannel } from "../src/rabbitmq/amqp.ts";
import { settlement } from "../src/rabbitmq/settlement.ts";
import type { Disposition } from "../src/transport.ts";
import { deletedLater, durableQueue, message, outsider, text, transport, unique } from "./rabbit.ts";

/** Records what would be sent, and ends the tick by hand. */
function recordedChannel(): { channel: AmqpChannel; sent: string[]; tick(): void } {
  const sent: string[] = [];
  let due: (() => void)[] = [];
  const channel = {
    beforeFlush: (run: () => void) => due.push(run),
    ack: (tag: number, multiple: boolean) => sent.push(`ack ${tag}${multiple ? " and before" : ""}`),
    reject: (tag: number, requeue: boolean) => sent.push(`reject ${tag}${requeue ? " to its queue" : ""}`),
  } as unknown as AmqpChannel;
  const tick = (): void => {
    const runs = due;
    due = [];
    for (const run of runs) run();
  };
  return { channel, sent, tick };
}

test("the acks of a tick are one, up to the first delivery still under way; the rest are single", () => {
  const { channel, sent, tick } = recordedChannel();
  const settle = settlement(channel);
  for (const tag of [1, 2, 3, 4, 5, 6]) settle.begin(tag);
  for (const tag of [6, 2, 1, 3, 5]) settle.settle(tag, "ack");
  tick();
  expect(sent.splice(0)).toEqual(["ack 6", "ack 5", "ack 3 and before"]);
  settle.settle(4, "ack");
  tick();
  expect(sent.splice(0)).toEqual(["ack 4"]);
});

test("an ack for all before never covers what was given back, nor names a tag that is settled", () => {
  const { channel, sent, tick } = recordedChannel();
  const settle = settlement(channel);
  for (const tag of [1, 2, 3, 4]) settle.begin(tag);
  settle.settle(1, "ack");
  settle.settle(2, "requeue");
  settle.settle(3, "ack");
  settle.settle(4, "reject");
  tick();
  // The rejects precede it, so that 2 is settled when the broker reads it.
  expect(sent.splice(0)).toEqual(["reject 2 to its queue", "reject 4", "ack 3 and before"]);
});

test("a delivery settled at once is acked without having been under way", () => {
  const { channel, sent, tick } = recordedChannel();
  const settle = settlement(channel);
  settle.begin(1);
  settle.settle(2, "ack");
  tick();
  expect(sent).toEqual(["ack 2"]);
});

test("thousands of deliveries settled in any order leave the queue empty and the channel alive", async () => {
  const own = transport();
  const queue = await durableQueue(own);
  const ids = Array.from({ length: 3_000 }, (_, i) => `m${i}`);
  const seen = new Map<string, number>();
  let random = 7;
  const consumer = await own.consume(
    queue,
    (one): Disposition | Promise<Disposition> => {
      const times = (seen.get(one.messageId!) ?? 0) + 1;
      seen.set(one.messageId!, times);
      random = (random * 48_271) % 2_147_483_647;
      const disposition = random % 10 === 0 && times === 1 ? "requeue" : "ack";
      if (random % 3 === 0) return disposition;
      return new Promise((resolve) => setTimeout(() => resolve(disposition), random % 5));
    },
    { prefetch: 200 },
  );
  await Promise.all(ids.map((messageId) => own.publish(message(queue, { messageId }))));
  await vi.waitFor(() => expect(seen.size).toBe(ids.length), 5_000);
  await vi.waitFor(async () => expect(await own.inspect(queue)).toEqual({ messages: 0, consumers: 1 }));
  await consumer.stop();
  expect(await own.inspect(queue)).toEqual({ messages: 0, consumers: 0 });
});

test("at most `prefetch` messages are under way, for each consumer", async () => {
  const own = transport();
  const queue = await durableQueue(own);
  const held: ((disposition: Disposition) => void)[] = [];
  await own.consume(queue, () => new Promise((resolve) => held.push(resolve)), { prefetch: 3 });
  await Promise.all(Array.from({ length: 5 }, () => own.publish(message(queue))));
  await vi.waitFor(() => expect(held).toHaveLength(3));
  expect(await own.inspect(queue)).toMatchObject({ messages: 2 });
  for (const release of held.splice(0)) release("ack");
  await vi.waitFor(() => expect(held).toHaveLength(2));
  for (const release of held) release("ack");
});

test("a stopped consumer finishes and acks what it has, and leaves the rest in the queue", async () => {
  const own = transport();
  // A quorum queue counts a cancelled consumer until its last message is settled.
  const queue = unique("classic");
  await own.declare({ queues: [{ name: queue, type: "classic", lifetime: "connection" }] });
  let finish: ((disposition: Disposition) => void) | undefined;
  const consumer = await own.consume(
    queue,
    () =>
      new Promise((resolve) => {
        finish = resolve;
      }),
    { prefetch: 1 },
  );
  await own.publish(message(queue));
  await own.publish(message(queue));
  await vi.waitFor(() => expect(finish).toBeDefined());
  let stopped = false;
  const stopping = consumer.stop().then(() => {
    stopped = true;
  });
  await vi.waitFor(async () => expect(await own.inspect(queue)).toMatchObject({ consumers: 0 }));
  expect(stopped).toBe(false);
  finish!("ack");
  await stopping;
  await consumer.stop();
  expect(await own.inspect(queue)).toEqual({ messages: 1, consumers: 0 });
});

test("what was already on its way to a stopping consumer is handled, not given back as redelivered", async () => {
  const own = transport();
  // As for calls. A quorum queue may take back what its consumer has not been sent yet, and events come twice anyway.
  const queue = unique("classic");
  await own.declare({ queues: [{ name: queue, type: "classic", lifetime: "connection" }] });
  const redelivered: boolean[] = [];
  let stopped: Promise<void> | undefined;
  const handle = (one: Incoming): Disposition => {
    redelivered.push(one.redelivered);
    stopped ??= first.stop();
    return "ack";
  };
  await Promise.all(Array.from({ length: 100 }, () => own.publish(message(queue))));
  const first = await own.consume(queue, handle, { prefetch: 50 });
  await vi.waitFor(() => expect(stopped).toBeDefined());
  await stopped;
  const second = await own.consume(queue, handle, { prefetch: 50 });
  await vi.waitFor(() => expect(redelivered).toHaveLength(100));
  expect(redelivered).not.toContain(true);
  await second.stop();
});

test("a message whose handler throws goes to the dead-letter exchange, with its key", async () => {
  const own = transport();
  const queue = unique("failing");
  const dead = await durableQueue(own);
  const exchange = unique("dead");
  await own.declare({
    exchanges: [{ name: exchange, type: "fanout" }],
    queues: [{ name: queue, type: "quorum", lifetime: "durable", deadLetter: { exchange } }],
    bindings: [{ queue: dead, exchange, key: "" }],
  });
  await deletedLater(queue);
  let times = 0;
  await own.consume(
    queue,
    async () => {
      if (times++ === 0) throw new Error("as it happens");
      return "ack" as const;
    },
    { prefetch: 1 },
  );
  const letters: string[] = [];
  await own.consume(dead, ({ key, body }) => (letters.push(`${key}: ${text(body)}`), "ack"), { prefetch: 1 });
  await own.publish(message(queue));
  await vi.waitFor(() => expect(letters).toEqual([`${queue}: hello`]));
  await (await outsider()).deleteExchange(exchange);
});

test("a handler that returns nonsense, and a watcher that throws, cost their own message and no more", async () => {
  const own = transport();
  const queue = await durableQueue(own);
  own.watch(() => {
    throw new Error("as it happens");
  });
  const got: string[] = [];
  const handle = ({ body }: { body: Uint8Array }): Disposition => {
    got.push(text(body));
    return undefined as never;
  };
  const consumer = await own.consume(queue, handle, { prefetch: 1 });
  await own.publish(message(queue, { body: Buffer.from("one") }));
  await own.publish(message(queue, { body: Buffer.from("two") }));
  await vi.waitFor(() => expect(got).toEqual(["one", "two"]));
  await consumer.stop();
  expect(await own.inspect(queue)).toMatchObject({ messages: 0 });
});

test("properties of another client, however odd, reach the handler as far as they can", async () => {
  const own = transport();
  const queue = await durableQueue(own);
  const channel = await outsider();
  const headers = {
    list: [1, "two"],
    table: { deep: true },
    nothing: null,
    bytes: Buffer.from("raw"),
    date: { "!": "timestamp", value: 1 },
    kept: "as is",
    ["__proto__"]: "harmless",
  };
  channel.sendToQueue(queue, Buffer.from("\0\xff", "latin1"), {
    expiration: "9999999",
    headers,
    contentType: "no/such",
  });
  channel.sendToQueue(queue, Buffer.alloc(0));
  const got: object[] = [];
  await own.consume(queue, (one) => (got.push(one), "ack"), { prefetch: 1 });
  await vi.waitFor(() => expect(got).toHaveLength(2));
  expect(got[0]).toMatchObject({ expirationMs: 9_999_999, contentType: "no/such", persistent: false });
  expect(got[0]).toHaveProperty("headers.kept", "as is");
  expect(got[0]).not.toHaveProperty("headers.list");
  expect(got[0]).not.toHaveProperty("headers.date");
});

test("consuming a queue that does not exist fails, and says which", async () => {
  const own = transport();
  const queue = unique("missing");
  await expect(own.consume(queue, () => "ack", { prefetch: 1 })).rejects.toThrow(queue);
  await expect(own.consume(queue, () => "ack", { prefetch: 0 })).rejects.toThrow("prefetch is 0");
  expect(await own.inspect(queue)).toBeUndefined();
  expect(own.state.consuming).toBe(true);
});

test("more consumers than the broker gives channels are refused by name, and one that stops makes room", async () => {
  const own = transport();
  const queue = await durableQueue(own);
  const more = (): ReturnType<typeof own.consume> => own.consume(queue, () => "ack", { prefetch: 1 });
  const all = await Promise.allSettled(Array.from({ length: 2_060 }, more));
  const refused = all.filter((one) => one.status === "rejected").map(({ reason }) => reason);
  expect(refused.length).toBeGreaterThanOrEqual(2_060 - 2_047);
  for (const fault of refused)
    expect(fault).toMatchObject({
      code: "OVERLOADED",
      data: { limit: 2_047 },
      message: expect.stringContaining("All 2047 channels"),
    });
  const attached = all.find((one) => one.status === "fulfilled");
  await attached!.value.stop();
  await (await more()).stop();
}, 60_000);
