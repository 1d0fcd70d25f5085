import { afterAll, beforeAll, expect, onTestFinished, test, vi } from "vitest";
import { rabbitmq } from "../src/rabbitmq/index.ts";
import type { TcpDirection } from "../src/testing/tcp-proxy.ts";
import type { Transport } from "../src/transport.ts";
import { deletedLater, durableQueue, message, outsider, proxied, transport, unique } from "./rabbit.ts";

const unhandled: unknown[] = [];
const note = (reason: unknown): void => void unhandled.push(reason);
beforeAll(() => void process.on("unhandledRejection", note));
afterAll(() => {
  process.off("unhandledRejection", note);
  expect(unhandled).toEqual([]);
});

/**
 * Every byte takes minutes: `WARREN_EVERY_BYTE=1 npx vitest run packages/warren/test/rabbitmq-cuts.test.ts`. Otherwise
 * one of so many, a prime, so that it meets another part of each frame.
 */
const stride = process.env.WARREN_EVERY_BYTE ? 1 : 19;
const timeout = process.env.WARREN_EVERY_BYTE ? 600_000 : 20_000;

/** How many are under way at the same time, each with a proxy of its own. */
const lanes = 8;

/** Every number below `count`, or every so many, and each of them once. */
async function inLanes(count: number, run: (n: number) => Promise<void>): Promise<void> {
  let next = 0;
  const take = (): number => {
    next += stride;
    return next - stride;
  };
  const lane = async (): Promise<void> => {
    for (let n = take(); n < count; n = take()) await run(n);
  };
  await Promise.all(Array.from({ length: lanes }, lane));
}

/** Connects, declares, consumes, publishes with a confirm, receives and acks: every kind of frame there is. */
async function wholeLife(url: string, exchange: string, queue: string): Promise<{ end(): Promise<void> }> {
  const own: Transport = rabbitmq({ url, reconnect: { baseMs: 1, capMs: 5 }, assertEveryMs: 60_000 });
  const got = new Set<string>();
  await own.declare({
    exchanges: [{ name: exchange, type: "topic" }],
    queues: [{ name: queue, type: "classic", lifetime: "durable" }],
    bindings: [{ queue, exchange, key: "#" }],
  });
  await own.consume(queue, ({ messageId }) => (got.add(messageId!), "ack"), { prefetch: 10 });
  await own.publish(message("a", { exchange, messageId: "m" }));
  await vi.waitFor(() => expect(got.has("m")).toBe(true), { timeout: 5_000, interval: 2 });
  return { end: () => own.close({ drainMs: 1_000 }) };
}

/** The names of every life have the same length, so that a byte is the same byte in each. */
async function named(): Promise<{ exchange: string; queue: string }> {
  const [exchange, queue] = [unique("cut"), unique("cut")];
  await deletedLater(queue);
  onTestFinished(async () => void (await (await outsider()).deleteExchange(exchange)));
  return { exchange, queue };
}

for (const direction of ["up", "down"] as const satisfies TcpDirection[]) {
  test(`a life whose connection is cut at any byte going ${direction} goes on, and what was confirmed arrives`, {
    timeout,
  }, async () => {
    const measured = await proxied();
    await (await wholeLife(measured.url, ...(Object.values(await named()) as [string, string]))).end();
    const bytes = measured.proxy.passed(direction);
    expect(bytes).toBeGreaterThan(500);
    const names = await Promise.all(Array.from({ length: lanes }, named));
    const free = await Promise.all(names.map(async (name) => ({ ...(await proxied()), ...name })));
    await inLanes(bytes, async (n) => {
      const lane = free.pop()!;
      lane.proxy.cutAfter(direction, n);
      const life = await wholeLife(lane.url, lane.exchange, lane.queue).catch((cause: Error) => {
        throw new Error(`cut after byte ${n} of ${bytes}: ${cause.message}`, { cause });
      });
      lane.proxy.cutAfter(direction, undefined);
      await life.end();
      free.push(lane);
    });
  });
}

test("publishing and consuming go on over cuts at every byte of a publish, a confirm, a delivery and an ack", {
  timeout,
}, async () => {
  const { proxy, url } = await proxied();
  const own = transport({ url, reconnect: { baseMs: 1, capMs: 5 } });
  const queue = await durableQueue(own);
  const got = new Set<string>();
  await own.consume(queue, ({ messageId }) => (got.add(messageId!), "ack"), { prefetch: 10 });
  let count = 0;
  for (const direction of ["up", "down"] as const) {
    for (let byte = 0; byte < 120; byte += stride === 1 ? 1 : 5) {
      proxy.cutAfter(direction, byte);
      await own.publish(message(queue, { messageId: `m${count++}` }));
    }
    proxy.cutAfter(direction, undefined);
  }
  await vi.waitFor(() => expect(got.size).toBe(count), 5_000);
  await vi.waitFor(async () => expect((await own.inspect(queue))!.messages).toBe(0));
});

test("frames that come byte by byte are put together", async () => {
  const { proxy, url } = await proxied();
  proxy.split(true);
  const { exchange, queue } = await named();
  const life = await wholeLife(url, exchange, queue);
  await life.end();
});
