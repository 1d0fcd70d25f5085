import { deepEqual, equal } from "node:assert/strict";
import type { Handle, Queue } from "../../transport.ts";
import { type Behaviour, type Stage, textOf, toQueue } from "./stage.ts";

/** What becomes of a message, by what its handler returned. The same in both types of queue. */
export const settling: readonly Behaviour[] = (["classic", "quorum"] as const).flatMap((type) => [
  {
    title: `a message acknowledged in a ${type} queue is gone for good`,
    async run(stage: Stage) {
      const [one, other] = [await stage.connect(), await stage.connect()];
      const queue = await stage.queue(one, { type });
      const { texts, consumer } = await stage.collect(one, queue, async () => "ack" as const);
      for (const text of ["1", "2", "3"]) await one.publish(toQueue(queue, text));
      await texts(3);
      await consumer.stop();
      await one.close({ drainMs: 1_000 });
      await other.publish(toQueue(queue, "next"));
      const later = await stage.collect(other, queue);
      deepEqual(await later.texts(1), ["next"]);
      equal(later.messages[0]?.redelivered, false);
    },
  },
  {
    title: `a message given back to a ${type} queue comes again, as redelivered`,
    async run(stage: Stage) {
      const transport = await stage.connect();
      const queue = await stage.queue(transport, { type });
      const { messages, texts } = await stage.collect(transport, queue, (message) =>
        message.redelivered ? "ack" : "requeue",
      );
      await transport.publish(toQueue(queue, "again", { messageId: "id", headers: { a: 1 } }));
      deepEqual(await texts(2), ["again", "again"]);
      deepEqual(
        messages.map((message) => message.redelivered),
        [false, true],
      );
      deepEqual([messages[1]?.messageId, messages[1]?.headers?.a], ["id", 1]);
    },
  },
  {
    title: `a ${type} queue ${type === "quorum" ? "counts how often a message came back" : "does not count how often a message came back"}`,
    async run(stage: Stage) {
      const transport = await stage.connect();
      const queue = await stage.queue(transport, { type });
      let left = 2;
      const { messages, texts } = await stage.collect(transport, queue, () =>
        left-- > 0 ? "requeue" : "ack",
      );
      await transport.publish(toQueue(queue, "again"));
      await texts(3);
      deepEqual(
        messages.map(({ returns }) => returns),
        type === "quorum" ? [0, 1, 2] : [0, 0, 0],
      );
    },
  },
  {
    title: `a message rejected in a ${type} queue goes to the dead-letter exchange under its own key`,
    async run(stage: Stage) {
      deepEqual(await rejected(stage, { type }, () => "reject"), { key: "own", text: "bad" });
    },
  },
  {
    title: `a message rejected in a ${type} queue goes to the dead-letter exchange under the queue's key for that`,
    async run(stage: Stage) {
      deepEqual(await rejected(stage, { type }, async () => "reject" as const, "dead"), {
        key: "dead",
        text: "bad",
      });
    },
  },
  {
    title: `a message rejected in a ${type} queue without dead-letter exchange is dropped`,
    async run(stage: Stage) {
      const [one, other] = [await stage.connect(), await stage.connect()];
      const queue = await stage.queue(one, { type });
      const { texts, consumer } = await stage.collect(one, queue, () => "reject");
      await one.publish(toQueue(queue, "bad"));
      await texts(1);
      await consumer.stop();
      await one.close({ drainMs: 1_000 });
      await other.publish(toQueue(queue, "next"));
      const later = await stage.collect(other, queue);
      deepEqual(await later.texts(1), ["next"]);
    },
  },
  {
    title: `a message given back to a ${type} queue and then rejected is a new one as a dead letter`,
    async run(stage: Stage) {
      const transport = await stage.connect();
      const dead = await stage.queue(transport, { type });
      const queue = await stage.queue(transport, { type, deadLetter: { exchange: "", key: dead } });
      await stage.collect(transport, queue, (message) => (message.redelivered ? "reject" : "requeue"));
      const { messages, texts } = await stage.collect(transport, dead);
      await transport.publish(toQueue(queue, "bad", { messageId: "id" }));
      deepEqual(await texts(1), ["bad"]);
      deepEqual([messages[0]?.redelivered, messages[0]?.messageId], [false, "id"]);
    },
  },
  {
    title: `a handler that throws rejects its message of a ${type} queue, and the consumer lives on`,
    async run(stage: Stage) {
      for (const fails of [throwsAtOnce, throwsLater]) {
        deepEqual(await rejected(stage, { type }, fails), { key: "own", text: "bad" });
      }
    },
  },
]);

/** What becomes of a message that is never done. */
export const limiting: readonly Behaviour[] = [
  {
    title: "a message that comes back more often than its queue's limit is a dead letter, and not before",
    async run(stage) {
      const transport = await stage.connect();
      const dead = await stage.queue(transport);
      const queue = await stage.queue(transport, {
        type: "quorum",
        deliveryLimit: 3,
        deadLetter: { exchange: "", key: dead },
      });
      const work = await stage.collect(transport, queue, () => "requeue");
      const buried = await stage.collect(transport, dead);
      await transport.publish(toQueue(queue, "bad", { messageId: "id" }));
      deepEqual(await buried.texts(1), ["bad"]);
      equal(buried.messages[0]?.messageId, "id");
      equal(work.messages.length, 4);
    },
  },
  {
    title: "a message whose consumers die with it comes back no more often than its queue's limit",
    async run(stage) {
      const transport = await stage.connect();
      const dead = await stage.queue(transport);
      const queue = await stage.queue(transport, {
        type: "quorum",
        deliveryLimit: 1,
        deadLetter: { exchange: "", key: dead },
      });
      await transport.publish(toQueue(queue, "poison"));
      const buried = await stage.collect(transport, dead);
      for (let life = 1; life <= 2; life++) {
        const victim = await stage.connect();
        const work = await stage.collect(victim, queue, () => new Promise(() => {}));
        await work.texts(1);
        await victim.close({ drainMs: 0 });
      }
      deepEqual(await buried.texts(1), ["poison"]);
    },
  },
];

/** What only some transports do. */
export const places: readonly Behaviour[] = [
  {
    title: "a message given back returns to its place before those that came after it",
    needs: "requeueKeepsPlace",
    async run(stage) {
      const transport = await stage.connect();
      const queue = await stage.queue(transport);
      for (const text of ["1", "2", "3"]) await transport.publish(toQueue(queue, text));
      const again: Handle = (message) => (message.redelivered || textOf(message) === "3" ? "ack" : "requeue");
      const { texts } = await stage.collect(transport, queue, again, 1);
      deepEqual(await texts(5), ["1", "1", "2", "2", "3"]);
    },
  },
];

const throwsAtOnce: Handle = () => {
  throw new Error("This handler always throws.");
};
const throwsLater: Handle = async () => {
  throw new Error("This handler always fails.");
};

/** Sends a message that `settle` is to reject, and one to be acknowledged after it. @returns what was dead-lettered */
async function rejected(
  stage: Stage,
  properties: Partial<Queue>,
  settle: Handle,
  key?: string,
): Promise<{ readonly key: string | undefined; readonly text: string }> {
  const transport = await stage.connect();
  const [source, letters] = [stage.unique("exchange"), stage.unique("letters")];
  await transport.declare({ exchanges: [source, letters].map((name) => ({ name, type: "topic" })) });
  const deadLetter = key === undefined ? { exchange: letters } : { exchange: letters, key };
  const [queue, dead] = [
    await stage.queue(transport, { ...properties, deadLetter }),
    await stage.queue(transport),
  ];
  await transport.declare({
    bindings: [
      { queue, exchange: source, key: "own" },
      { queue: dead, exchange: letters, key: "#" },
    ],
  });
  const work = await stage.collect(transport, queue, (message) =>
    textOf(message) === "good" ? "ack" : settle(message),
  );
  const buried = await stage.collect(transport, dead);
  for (const text of ["bad", "good"]) await transport.publish({ ...toQueue("own", text), exchange: source });
  await work.texts(2);
  const [text] = await buried.texts(1);
  equal(buried.messages.length, 1);
  return { key: buried.messages[0]?.key, text: text! };
}
