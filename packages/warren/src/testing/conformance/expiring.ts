import { deepEqual, equal, ok } from "node:assert/strict";
import type { Outgoing } from "../../message.ts";
import type { Queue } from "../../transport.ts";
import { type Behaviour, type Stage, toQueue } from "./stage.ts";

const ttlMs = 150;
/** Two machines' clocks, and timers that round. */
const slackMs = 10;

/** What becomes of a message that waits too long, without anybody touching its queue. */
export const expiring: readonly Behaviour[] = (["classic", "quorum"] as const).flatMap((type) => [
  {
    title: `a message that outlives its own time in a ${type} queue becomes a dead letter then, and not before`,
    async run(stage: Stage) {
      const dead = await expires(stage, { type }, { expirationMs: ttlMs });
      // It would only expire again.
      equal(dead.expirationMs, undefined);
    },
  },
  {
    title: `a message that outlives the ${type} queue's time becomes a dead letter then, and not before`,
    async run(stage: Stage) {
      await expires(stage, { type, messageTtlMs: ttlMs }, {});
    },
  },
  {
    title: `the shorter of a message's time and the ${type} queue's time counts`,
    async run(stage: Stage) {
      await expires(stage, { type, messageTtlMs: 60_000 }, { expirationMs: ttlMs });
      await expires(stage, { type, messageTtlMs: ttlMs }, { expirationMs: 60_000 });
    },
  },
  {
    title: `a message that expires in a ${type} queue without dead-letter exchange is gone, and those behind it are not`,
    async run(stage: Stage) {
      const transport = await stage.connect();
      const queue = await stage.queue(transport, { type });
      await transport.publish(toQueue(queue, "short", { expirationMs: ttlMs }));
      await transport.publish(toQueue(queue, "long"));
      await stage.until("one is counted", async () => (await transport.inspect(queue))?.messages === 1);
      const { texts } = await stage.collect(transport, queue);
      deepEqual(await texts(1), ["long"]);
    },
  },
]);

/** Retries depend on it. */
export const delaying: readonly Behaviour[] = [
  {
    title: "a message published to a queue it can only expire in comes home after that time, unchanged",
    async run(stage) {
      const transport = await stage.connect();
      const [home, waiting] = [await stage.queue(transport, { type: "quorum" }), stage.unique("delay")];
      const deliver = stage.unique("deliver");
      await transport.declare({
        exchanges: [
          { name: deliver, type: "direct" },
          { name: waiting, type: "fanout" },
        ],
        queues: [
          {
            name: waiting,
            type: "quorum",
            lifetime: "durable",
            messageTtlMs: ttlMs,
            deadLetter: { exchange: deliver },
          },
        ],
        bindings: [
          { queue: waiting, exchange: waiting, key: "" },
          { queue: home, exchange: deliver, key: home },
        ],
      });
      const { messages, texts } = await stage.collect(transport, home);
      for (const attempt of [1, 2]) {
        const since = stage.now();
        const headers = { "warren-attempt": attempt };
        await transport.publish({
          ...toQueue(home, "work"),
          exchange: waiting,
          messageId: "id",
          type: "a.b",
          headers,
        });
        await texts(attempt);
        ok(stage.now() - since >= ttlMs - slackMs, `came home after ${stage.now() - since} ms`);
        const message = messages[attempt - 1];
        deepEqual(
          [
            message?.key,
            message?.messageId,
            message?.type,
            message?.headers?.["warren-attempt"],
            message?.redelivered,
          ],
          [home, "id", "a.b", attempt, false],
        );
      }
    },
  },
];

async function expires(
  stage: Stage,
  properties: Partial<Queue>,
  more: Partial<Outgoing>,
): Promise<Partial<Outgoing>> {
  const transport = await stage.connect();
  const dead = await stage.queue(transport);
  const queue = await stage.queue(transport, { ...properties, deadLetter: { exchange: "", key: dead } });
  const { messages, texts } = await stage.collect(transport, dead);
  const since = stage.now();
  await transport.publish(toQueue(queue, "late", more));
  deepEqual(await texts(1), ["late"]);
  ok(stage.now() - since >= ttlMs - slackMs, `expired after ${stage.now() - since} ms`);
  equal(messages[0]?.key, dead);
  return messages[0]!;
}
