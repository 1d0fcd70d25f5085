// With channels that are none: what a partition does to a consumer of a real broker is up to the fault suite.
import { describe, expect, it } from "vitest";
import { virtualClock } from "../testing/virtual-clock.ts";
import type { Disposition } from "../transport.ts";
import type { AmqpChannel, AmqpConnection, RawMessage } from "./amqp.ts";
import { queueConsumer } from "./consumer.ts";
import { readOptions } from "./options.ts";

const raw = {
  fields: { deliveryTag: 1, redelivered: false, exchange: "", routingKey: "q" },
  properties: {},
  content: Buffer.from("{}"),
} as RawMessage;

async function consuming(inOrder = false) {
  const clock = virtualClock();
  const opened: { deliver: () => void }[] = [];
  const connection = { open: true, channel: async () => channel() } as AmqpConnection;
  function channel(): AmqpChannel {
    return {
      connection,
      open: true,
      onClosed() {},
      async prefetch() {},
      async consume(_queue: string, _noAck: boolean, deliver: (message: RawMessage) => void) {
        opened.push({ deliver: () => deliver(raw) });
      },
      async close() {},
      beforeFlush() {},
    } as unknown as AmqpChannel;
  }
  let finish = (_: Disposition): void => {};
  const consumer = queueConsumer(
    readOptions({ clock, random: () => 0.5 }),
    "q",
    () => new Promise<Disposition>((resolve) => (finish = resolve)),
    { prefetch: 10, inOrder },
    { changed() {}, redeclare: async () => {} },
  );
  await consumer.attach(connection, true);
  return { clock, consumer, opened, finish: () => finish("ack") };
}

describe("a consumer that the broker sends nothing although messages are ready", () => {
  it("attaches anew on the second look", async () => {
    const { consumer, opened, clock } = await consuming();
    consumer.look(5);
    await clock.advance(1_000);
    expect(opened).toHaveLength(1);
    consumer.look(5);
    await clock.advance(1_000);
    expect(opened).toHaveLength(2);
  });

  it.each([
    ["nothing is ready", 0, false],
    ["something came in between", 5, true],
  ])("stays where %s", async (_, ready, comes) => {
    const { consumer, opened, clock, finish } = await consuming();
    for (let look = 0; look < 6; look++) {
      if (comes) {
        opened[0]!.deliver();
        finish();
        await clock.advance(1);
      }
      consumer.look(ready);
    }
    await clock.advance(1_000);
    expect(opened).toHaveLength(1);
  });

  it("stays while it works on one: that would run twice", async () => {
    const { consumer, opened, clock, finish } = await consuming();
    opened[0]!.deliver();
    for (let look = 0; look < 6; look++) consumer.look(5);
    await clock.advance(1_000);
    expect(opened).toHaveLength(1);
    finish();
    await clock.advance(1);
    for (let look = 0; look < 2; look++) consumer.look(5);
    await clock.advance(1_000);
    expect(opened).toHaveLength(2);
  });

  it("stays when it is in order and has had none yet: another one is the active one", async () => {
    const { consumer, opened, clock, finish } = await consuming(true);
    for (let look = 0; look < 6; look++) consumer.look(5);
    await clock.advance(1_000);
    expect(opened).toHaveLength(1);
    opened[0]!.deliver();
    finish();
    await clock.advance(1);
    for (let look = 0; look < 3; look++) consumer.look(5);
    await clock.advance(1_000);
    expect(opened).toHaveLength(2);
  });
});

it("tells that what was in hand is gone when it leaves a channel, before the next one brings anything, and once", async () => {
  const clock = virtualClock();
  const opened: { deliver(message: RawMessage | undefined): void; closed(): void }[] = [];
  const connection = {
    open: true,
    async channel() {
      let closed = (): void => {};
      return {
        connection,
        open: true,
        onClosed: (run: () => void) => {
          const before = closed;
          closed = () => (before(), run());
        },
        async prefetch() {},
        async consume(_queue: string, _noAck: boolean, deliver: (message?: RawMessage) => void) {
          opened.push({ deliver, closed: () => closed() });
        },
        // The broker takes its time to answer the goodbye.
        close: () => new Promise(() => {}),
        beforeFlush() {},
      } as unknown as AmqpChannel;
    },
  } as AmqpConnection;
  const events: string[] = [];
  const consumer = queueConsumer(
    readOptions({ clock, random: () => 0.5 }),
    "q",
    () => {
      events.push("message");
      return new Promise(() => {});
    },
    { prefetch: 10, inOrder: true, lost: () => events.push("lost") },
    { changed() {}, redeclare: async () => {} },
  );
  await consumer.attach(connection, true);
  opened[0]!.deliver(raw);
  opened[0]!.deliver(undefined);
  await clock.advance(1_000);
  opened[1]!.deliver(raw);
  opened[0]!.closed();
  expect(events).toEqual(["message", "lost", "message"]);
});
