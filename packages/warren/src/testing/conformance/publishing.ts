import { deepEqual, equal } from "node:assert/strict";
import { systemClock } from "../../time.ts";
import { type Behaviour, failsWith, toQueue } from "./stage.ts";

/** What a sender is told. */
export const publishing: readonly Behaviour[] = [
  {
    title: "a publish that resolved is in the queue, however many are under way",
    async run(stage) {
      const [sender, receiver] = [await stage.connect(), await stage.connect()];
      const queue = await stage.queue(sender, { type: "quorum" });
      const texts = Array.from({ length: 300 }, (_, i) => String(i));
      await Promise.all(texts.map((text) => sender.publish(toQueue(queue, text))));
      const collected = await stage.collect(receiver, queue);
      deepEqual(await collected.texts(texts.length), texts);
    },
  },
  {
    title: "a mandatory publish that reaches no queue fails as UNROUTABLE",
    async run(stage) {
      const transport = await stage.connect();
      const exchange = stage.unique("exchange");
      const queue = await stage.queue(transport);
      await transport.declare({ exchanges: [{ name: exchange, type: "direct" }] });
      await failsWith("UNROUTABLE", transport.publish(toQueue(stage.unique("nobodys"), "lost")));
      await failsWith("UNROUTABLE", transport.publish({ ...toQueue("unbound", "lost"), exchange }));
      await transport.publish(toQueue(queue, "and on it goes"));
    },
  },
  {
    title: "among many publishes under way only those that reach no queue fail",
    async run(stage) {
      const transport = await stage.connect();
      const [queue, nobodys] = [await stage.queue(transport), stage.unique("nobodys")];
      const outcomes = await Promise.allSettled(
        Array.from({ length: 50 }, (_, i) =>
          transport.publish(toQueue(i % 5 === 0 ? nobodys : queue, String(i))),
        ),
      );
      deepEqual(
        outcomes.flatMap(({ status }, i) => (status === "rejected" ? [i] : [])),
        [0, 5, 10, 15, 20, 25, 30, 35, 40, 45],
      );
    },
  },
  {
    title: "a publish that need not arrive resolves where it reaches no queue",
    async run(stage) {
      const transport = await stage.connect();
      await transport.publish(toQueue(stage.unique("nobodys"), "lost", { mandatory: false }));
      const exchange = stage.unique("exchange");
      await transport.declare({ exchanges: [{ name: exchange, type: "topic" }] });
      await transport.publish({ ...toQueue("unbound", "lost"), exchange, mandatory: false });
    },
  },
  {
    title:
      "a mandatory send that reaches no queue is returned exactly once, later, and one that arrives never",
    async run(stage) {
      const transport = await stage.connect();
      const queue = await stage.queue(transport);
      const { texts } = await stage.collect(transport, queue);
      const [nobodys, returned] = [stage.unique("nobodys"), { lost: 0, arrived: 0, fence: 0 }];
      equal(
        transport.send(toQueue(nobodys, "lost"), () => returned.lost++),
        true,
      );
      equal(returned.lost, 0);
      equal(
        transport.send(toQueue(queue, "arrived"), () => returned.arrived++),
        true,
      );
      await texts(1);
      transport.send(toQueue(nobodys, "fence"), () => returned.fence++);
      await stage.until("the last one is returned", () => returned.fence === 1);
      deepEqual(returned, { lost: 1, arrived: 0, fence: 1 });
    },
  },
  {
    title: "changing a body after its publish resolved changes nothing that arrives",
    async run(stage) {
      const transport = await stage.connect();
      const queue = await stage.queue(transport);
      const body = Buffer.from("before");
      await transport.publish({ ...toQueue(queue, ""), body });
      body.write("after!");
      const { texts } = await stage.collect(transport, queue);
      deepEqual(await texts(1), ["before"]);
    },
  },
  {
    title: "changing a body on the next turn of the event loop after send changes nothing that arrives",
    async run(stage) {
      const transport = await stage.connect();
      const queue = await stage.queue(transport);
      const { texts } = await stage.collect(transport, queue);
      const body = Buffer.from("before");
      equal(transport.send({ ...toQueue(queue, ""), body }), true);
      await new Promise<void>((resolve) => systemClock.soon(resolve));
      body.write("after!");
      deepEqual(await texts(1), ["before"]);
    },
  },
  {
    title: "a body over the limit fails as TOO_LARGE, and what follows it does not",
    async run(stage) {
      const transport = await stage.connect();
      const queue = await stage.queue(transport);
      const body = Buffer.alloc(stage.features.maxMessageBytes + 1);
      await failsWith("TOO_LARGE", transport.publish({ ...toQueue(queue, ""), body }));
      await failsWith("TOO_LARGE", (async () => transport.send({ ...toQueue(queue, ""), body }))());
      const { texts } = await stage.collect(transport, queue);
      await transport.publish(toQueue(queue, "small"));
      deepEqual(await texts(1), ["small"]);
    },
  },
];
