// RabbitMQ only: the embedded broker takes nothing that its own transports could not send.
import { expect, it, vi } from "vitest";
import { z } from "zod";
import { contract, type Incoming, names, type Outgoing, service } from "../src/index.ts";
import { transport } from "./rabbit.ts";
import { gate, world } from "./shape-world.ts";

const w = world("rabbitmq");

/** Nearly all that fits into one frame, so that not one header more does. */
const hugeHeaders = { filler: "x".repeat(130_960) };

function raw(queue: string, more: Partial<Outgoing>): Outgoing {
  return { exchange: "", key: queue, body: Buffer.from("{}"), persistent: true, mandatory: true, ...more };
}

it("a bad message whose headers leave no room for a reason becomes a dead letter with the reason alone", async () => {
  const shop = await w().start({ services: [w().shapeService()] });
  const outsider = transport();
  const letter = gate<Incoming>();
  await outsider.consume(names.dead(w().shape.name), (message) => (letter.open(message), "ack"), {
    prefetch: 1,
  });
  await outsider.publish(raw(names.requests(w().shape.name), { type: "unknown", headers: hugeHeaders }));
  const { headers } = await letter.promise;
  expect(headers).toMatchObject({ "warren-reason": "unknown" });
  expect(headers).not.toHaveProperty("filler");
  expect(await shop.client(w().shape).echo(1)).toBe(1);
});

it("an event that cannot be put off for want of room in its headers becomes a dead letter", async () => {
  const news = contract(`news-${w().shape.name}`, { events: { out: z.any() } });
  const failing = service(news, {
    methods: {},
    on: {
      [news.events.out.id]: () => {
        throw new Error("as it happens");
      },
    } as never,
  });
  await w().start({ services: [failing] });
  const outsider = transport();
  const letter = gate<Incoming>();
  await outsider.consume(names.dead(news.name), (message) => (letter.open(message), "ack"), { prefetch: 1 });
  await outsider.publish(raw(names.events(news.name), { type: news.events.out.id, headers: hugeHeaders }));
  expect((await letter.promise).headers).toMatchObject({ "warren-reason": "failed" });
});

it("a bad message too large to be moved does not come again for ever", async () => {
  const lines: string[] = [];
  const { silent } = await import("../src/index.ts");
  const log = { ...silent, error: (_: object, text: string) => void lines.push(text), child: () => log };
  await w().start({ services: [w().shapeService()], log });
  const outsider = transport({ maxMessageBytes: 32 * 2 ** 20 });
  const body = Buffer.alloc(17 * 2 ** 20);
  const queue = names.requests(w().shape.name);
  await outsider.publish(raw(queue, { type: "unknown", body }));
  await vi.waitFor(() => expect(lines.at(-1)).toContain("too large"));
  await vi.waitFor(async () => expect(await outsider.inspect(queue)).toEqual({ messages: 0, consumers: 1 }));
});
