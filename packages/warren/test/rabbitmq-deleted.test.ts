import { expect, onTestFinished, test, vi } from "vitest";
import { type Clock, systemClock } from "../src/time.ts";
import { fakeAmqpServer } from "./fake-amqp-server.ts";
import { deletedLater, message, outsider, text, transport, unique } from "./rabbit.ts";

const day = 86_400_000;

/** As Warren's own: a topic exchange with an alternate one, and a queue behind each of them. */
async function exchanges() {
  const exchange = unique("exchange");
  const alternate = unique("alternate");
  const [heard, unheard] = [unique("heard"), unique("unheard")];
  for (const queue of [heard, unheard]) await deletedLater(queue);
  onTestFinished(async () => {
    const channel = await outsider();
    for (const name of [exchange, alternate]) await channel.deleteExchange(name);
  });
  const shared = {
    exchanges: [
      { name: alternate, type: "fanout" },
      { name: exchange, type: "topic", alternate },
    ],
    queues: [{ name: unheard, type: "quorum", lifetime: "durable" }],
    bindings: [{ queue: unheard, exchange: alternate, key: "" }],
  } as const;
  const listening = {
    ...shared,
    queues: [...shared.queues, { name: heard, type: "quorum", lifetime: "durable" }],
    bindings: [...shared.bindings, { queue: heard, exchange, key: "#" }],
  } as const;
  return { exchange, heard, unheard, shared, listening };
}

/** A clock with which declarations are looked after when `again` is called, and not by time: once nobody else's next step is in their way. */
function roundsWhenTold(): { readonly clock: Clock; again(): Promise<void> } {
  let round: (() => void) | undefined;
  const clock: Clock = {
    ...systemClock,
    after(delayMs, run) {
      if (delayMs < day / 2) return systemClock.after(delayMs, run);
      round = run;
      return { cancel() {} };
    },
  };
  return {
    clock,
    async again() {
      await vi.waitFor(() => expect(round).toBeDefined());
      const run = round!;
      round = undefined;
      run();
    },
  };
}

test("an exchange deleted under load comes back: no message is lost, and what came in between is kept as unheard", async () => {
  const { exchange, heard, unheard, shared, listening } = await exchanges();
  const { clock, again } = roundsWhenTold();
  const hears = transport({ assertEveryMs: day, clock });
  await hears.declare(listening);
  const got = new Set<string>();
  await hears.consume(heard, ({ messageId }) => (got.add(messageId!), "ack"), { prefetch: 100 });
  const kept = new Set<string>();
  await hears.consume(unheard, ({ messageId }) => (kept.add(messageId!), "ack"), { prefetch: 100 });
  const emits = transport({ assertEveryMs: 60_000 });
  await emits.declare(shared);
  const channel = await outsider();
  let count = 0;
  const emit = () => emits.publish(message("a.b", { exchange, messageId: `m${count++}` }));
  const load: Promise<void>[] = [];
  const emitMany = async (): Promise<void> => {
    for (let n = 0; n < 50; n++) load.push(emit());
    await emit();
  };
  await emitMany();
  const deleted = channel.deleteExchange(exchange);
  await emitMany();
  await deleted;
  // Who emits has declared the exchange anew, and knows of no binding.
  await vi.waitFor(async () => {
    await emit();
    expect(kept.size).toBeGreaterThan(0);
  });
  await again();
  await vi.waitFor(
    async () => {
      const id = `m${count}`;
      await emit();
      await vi.waitFor(() => expect(got.has(id) || kept.has(id)).toBe(true));
      expect(got.has(id)).toBe(true);
    },
    { timeout: 5_000 },
  );
  await Promise.all(load);
  await vi.waitFor(() => expect(got.union(kept).size).toBe(count));
});

test("a binding and a queue without a consumer that somebody deleted come back by themselves, and nothing is logged", async () => {
  const { exchange, heard, unheard, listening } = await exchanges();
  const lines: string[] = [];
  const write = (_: object, line: string): void => void lines.push(line);
  const log = { debug() {}, info() {}, warn: write, error: write, child: () => log };
  const { clock, again } = roundsWhenTold();
  const hears = transport({ assertEveryMs: day, clock, log });
  await hears.declare(listening);
  const channel = await outsider();
  await channel.unbindQueue(heard, exchange, "#");
  await channel.deleteQueue(unheard);
  await again();
  await vi.waitFor(async () => expect(await hears.inspect(unheard)).toBeDefined());
  await vi.waitFor(async () => {
    await hears.publish(message("a.b", { exchange }));
    expect((await hears.inspect(heard))!.messages).toBeGreaterThan(0);
  });
  expect(lines).toEqual([]);
});

test("what cannot be declared again is logged once, and keeps back nothing else", async () => {
  const { exchange, heard, unheard, listening } = await exchanges();
  const lines: string[] = [];
  const write = (data: object, line: string): void =>
    void lines.push(line + (data as { err: Error }).err.message);
  const log = { debug() {}, info() {}, warn: write, error: write, child: () => log };
  const { clock, again } = roundsWhenTold();
  const hears = transport({ assertEveryMs: day, log, clock });
  await hears.declare(listening);
  const channel = await outsider();
  await channel.deleteQueue(unheard);
  // Somebody is faster, and has another idea of it.
  await channel.assertQueue(unheard, { arguments: { "x-queue-type": "classic" } });
  await again();
  await vi.waitFor(() => expect(lines).toHaveLength(1));
  expect(lines[0]).toContain(unheard);
  const after = await outsider();
  for (let n = 0; n < 3; n++) {
    await after.unbindQueue(heard, exchange, "#");
    await again();
    await vi.waitFor(async () => {
      await hears.publish(message("a.b", { exchange }));
      expect((await hears.inspect(heard))!.messages).toBeGreaterThan(0);
    });
    await after.purgeQueue(heard);
  }
  expect(lines).toHaveLength(1);
});

test("a calls' exchange that was deleted returns the send, and the next one arrives", async () => {
  const { exchange, heard, listening } = await exchanges();
  const own = transport({ assertEveryMs: 60_000 });
  await own.declare(listening);
  await (await outsider()).deleteExchange(exchange);
  const returned = vi.fn();
  expect(own.send(message("a.b", { exchange }), returned)).toBe(true);
  await vi.waitFor(() => expect(returned).toHaveBeenCalledTimes(1));
  await vi.waitFor(() =>
    expect(own.send(message("a.c", { exchange, body: Buffer.from("next") }))).toBe(true),
  );
  const got: string[] = [];
  await own.consume(heard, ({ body }) => (got.push(text(body)), "ack"), { prefetch: 1 });
  await vi.waitFor(() => expect(got).toEqual(["next"]));
});

test("a publish that is never confirmed is published again on a new channel, under the same time limit", async () => {
  const server = await fakeAmqpServer();
  const own = transport({ url: server.url, confirmTimeoutMs: 100 });
  const published = own.publish(message("queue", { messageId: "m" }));
  await vi.waitFor(() => expect(server.received).toBe(1));
  await vi.waitFor(() => expect(server.received).toBe(2));
  expect(server.confirming).toBe(2);
  server.confirm();
  await published;
});

test("while the broker is blocked a missing confirm means nothing", async () => {
  const server = await fakeAmqpServer();
  const own = transport({ url: server.url, confirmTimeoutMs: 250, publishTimeoutMs: 800 });
  const published = own.publish(message("queue", { messageId: "m" }));
  await vi.waitFor(() => expect(server.received).toBe(1));
  server.blocked("low on memory");
  await expect(published).rejects.toMatchObject({ message: expect.stringContaining("low on memory") });
  expect(server.confirming).toBe(1);
});
