import { deepEqual } from "node:assert/strict";
import { type Behaviour, failsNaming, failsWith, toQueue } from "./stage.ts";

/** What exists, and who may say so. */
export const declaring: readonly Behaviour[] = [
  {
    title: "declaring the same twice changes nothing",
    async run(stage) {
      const [one, other] = [await stage.connect(), await stage.connect()];
      const [queue, exchange] = [stage.unique("queue"), stage.unique("exchange")];
      const topology = {
        exchanges: [{ name: exchange, type: "topic" }],
        queues: [
          {
            name: queue,
            type: "quorum",
            lifetime: "durable",
            messageTtlMs: 60_000,
            deadLetter: { exchange },
          },
        ],
        bindings: [{ queue, exchange, key: "a.*" }],
      } as const;
      await one.declare(topology);
      await one.declare(topology);
      await other.declare(topology);
      await one.publish({ ...toQueue("a.b", "once"), exchange });
      const { texts, messages } = await stage.collect(other, queue);
      await one.publish(toQueue(queue, "fence"));
      deepEqual(await texts(2), ["once", "fence"]);
      deepEqual(messages.length, 2);
    },
  },
  {
    title: "a queue that exists with other properties is refused by its name, and the transport works on",
    async run(stage) {
      const [one, other] = [await stage.connect(), await stage.connect()];
      const queue = await stage.queue(one, { messageTtlMs: 60_000 });
      await failsNaming(
        queue,
        other.declare({
          queues: [{ name: queue, type: "classic", lifetime: "durable", messageTtlMs: 1_000 }],
        }),
      );
      const another = await stage.queue(other);
      const { texts } = await stage.collect(other, another);
      await other.publish(toQueue(another, "still here"));
      deepEqual(await texts(1), ["still here"]);
    },
  },
  {
    title: "an exchange that exists with another type is refused by its name",
    async run(stage) {
      const [one, other] = [await stage.connect(), await stage.connect()];
      const name = stage.unique("exchange");
      await one.declare({ exchanges: [{ name, type: "topic" }] });
      await failsNaming(name, other.declare({ exchanges: [{ name, type: "fanout" }] }));
    },
  },
  {
    title: "consuming from a queue that nobody declared is refused by its name",
    async run(stage) {
      const transport = await stage.connect();
      const name = stage.unique("nobodys");
      await failsNaming(
        name,
        transport.consume(name, () => "ack", { prefetch: 1 }),
      );
    },
  },
  {
    title: "inspect tells messages and consumers, and undefined where nobody declared the queue",
    async run(stage) {
      const transport = await stage.connect();
      const queue = await stage.queue(transport);
      deepEqual(await transport.inspect(queue), { messages: 0, consumers: 0 });
      for (const text of ["1", "2", "3"]) await transport.publish(toQueue(queue, text));
      await stage.until(
        "three messages are counted",
        async () => (await transport.inspect(queue))?.messages === 3,
      );
      const { texts } = await stage.collect(transport, queue);
      await texts(3);
      await stage.until("one consumer and no message are counted", async () => {
        const state = await transport.inspect(queue);
        return state?.messages === 0 && state.consumers === 1;
      });
      deepEqual(await transport.inspect(stage.unique("nobodys")), undefined);
    },
  },
  {
    title: "a queue of one connection is refused to every other, and goes when its connection closes",
    async run(stage) {
      const [owner, other] = [await stage.connect(), await stage.connect()];
      const queue = await stage.queue(owner, { lifetime: "connection" });
      await failsNaming(
        queue,
        other.consume(queue, () => "ack", { prefetch: 1 }),
      );
      const { texts } = await stage.collect(owner, queue);
      await other.publish(toQueue(queue, "for its owner"));
      deepEqual(await texts(1), ["for its owner"]);
      await owner.close({ drainMs: 1_000 });
      await stage.until("the queue is gone", async () => (await other.inspect(queue)) === undefined);
    },
  },
  {
    title: "a queue that went with its connection leaves no binding behind",
    async run(stage) {
      const [owner, other] = [await stage.connect(), await stage.connect()];
      const [queue, exchange] = [
        await stage.queue(owner, { lifetime: "connection" }),
        stage.unique("exchange"),
      ];
      await owner.declare({
        exchanges: [{ name: exchange, type: "topic" }],
        bindings: [{ queue, exchange, key: "a.*" }],
      });
      const { texts } = await stage.collect(owner, queue);
      await other.publish({ ...toQueue("a.b", "bound"), exchange });
      deepEqual(await texts(1), ["bound"]);
      await owner.close({ drainMs: 1_000 });
      await stage.until("the queue is gone", async () => (await other.inspect(queue)) === undefined);
      await failsWith("UNROUTABLE", other.publish({ ...toQueue("a.b", "unbound"), exchange }));
    },
  },
];
