import { deepEqual, ok } from "node:assert/strict";
import type { Headers, Incoming, Outgoing, Properties } from "../../message.ts";
import { type Behaviour, type Stage, toQueue } from "./stage.ts";

/** What arrives is what was sent. */
export const properties: readonly Behaviour[] = [
  {
    title: "every property arrives as it was sent",
    async run(stage) {
      const sent: Properties = {
        contentType: "application/json",
        contentEncoding: "gzip",
        type: "market.buy",
        messageId: "id-1",
        correlationId: "correlation-1",
        replyTo: "somewhere",
        appId: "market-7f",
        expirationMs: 60_000,
        timestampSeconds: 1_700_000_123,
      };
      const { headers, ...arrived } = await oneWay(stage, sent);
      for (const [name, value] of Object.entries(sent))
        deepEqual([name, arrived[name as keyof typeof arrived]], [name, value]);
      deepEqual(headers ?? {}, {});
      deepEqual(arrived.persistent, true);
    },
  },
  {
    title: "properties that were not sent do not arrive",
    async run(stage) {
      const { exchange, key, body, persistent, redelivered, returns, ...rest } = await oneWay(stage, {
        messageId: "id-2",
      });
      ok(exchange === "" && key !== "" && body.length > 0 && persistent && !redelivered && returns === 0);
      const there = Object.entries(rest).filter(
        ([, value]) => value !== undefined && typeof value !== "object",
      );
      deepEqual(there, [["messageId", "id-2"]]);
    },
  },
  {
    title: "a message that need not survive a restart says so",
    async run(stage) {
      deepEqual((await oneWay(stage, {}, { persistent: false })).persistent, false);
    },
  },
  {
    title: "headers arrive as the strings, numbers and booleans that were sent",
    async run(stage) {
      const headers: Headers = {
        text: "plain",
        empty: "",
        unicode: "Łódź ☕ 日本 🦔",
        ключ: "key",
        traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        zero: 0,
        negative: -5,
        fraction: 0.1,
        large: 1_700_000_000_123,
        largest: Number.MAX_SAFE_INTEGER,
        yes: true,
        no: false,
      };
      deepEqual({ ...(await oneWay(stage, { headers })).headers }, headers);
    },
  },
  {
    title: "changing the headers object after send changes nothing that arrives",
    async run(stage) {
      const transport = await stage.connect();
      const queue = await stage.queue(transport);
      const { messages, texts } = await stage.collect(transport, queue);
      const headers = { attempt: 1 };
      const published = transport.publish(toQueue(queue, "text", { headers }));
      await published;
      headers.attempt = 2;
      await texts(1);
      deepEqual({ ...messages[0]?.headers }, { attempt: 1 });
    },
  },
  {
    title: "any bytes arrive as they were sent, from none to a megabyte",
    async run(stage) {
      const every = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
      for (const body of [Buffer.alloc(0), every, Buffer.alloc(2 ** 20, every), new Uint8Array([0, 255])]) {
        const arrived = await oneWay(stage, {}, { body });
        // Compared as numbers: a million-line difference helps nobody.
        ok(
          Buffer.from(body).equals(arrived.body),
          `${body.length} bytes were sent, ${arrived.body.length} others arrived`,
        );
      }
    },
  },
];

async function oneWay(stage: Stage, sent: Properties, more: Partial<Outgoing> = {}): Promise<Incoming> {
  const transport = await stage.connect();
  const queue = await stage.queue(transport);
  const { messages, texts } = await stage.collect(transport, queue);
  await transport.publish(toQueue(queue, "text", { ...sent, ...more }));
  await texts(1);
  return messages[0]!;
}
