import { deepEqual, equal, ok } from "node:assert/strict";
import type { TransportState } from "../../transport.ts";
import { type Behaviour, failsWith, toQueue } from "./stage.ts";

/** How a transport says that it is there, and how it goes. */
export const closing: readonly Behaviour[] = [
  {
    title: "a transport that has declared and consumes says that it publishes and consumes",
    async run(stage) {
      const transport = await stage.connect();
      const queue = await stage.queue(transport);
      await transport.publish(toQueue(queue, "hello"));
      await stage.collect(transport, queue);
      await stage.until("it says so", () => transport.state.publishing && transport.state.consuming);
      equal(transport.state.reason, undefined);
    },
  },
  {
    title: "watchers are told of the end and why, and those that stopped watching are not",
    async run(stage) {
      const transport = await stage.connect();
      const queue = await stage.queue(transport);
      await transport.publish(toQueue(queue, "hello"));
      const told: TransportState[] = [];
      const tooMuch: TransportState[] = [];
      transport.watch((state) => told.push(state));
      const unwatch = transport.watch((state) => tooMuch.push(state));
      unwatch();
      await transport.close({ drainMs: 1_000 });
      const last = told.at(-1);
      deepEqual([last?.publishing, last?.consuming, typeof last?.reason], [false, false, "string"]);
      deepEqual([transport.state.publishing, transport.state.consuming], [false, false]);
      deepEqual(tooMuch, []);
    },
  },
  {
    title: "closing waits for publishes under way",
    async run(stage) {
      const [one, other] = [await stage.connect(), await stage.connect()];
      const queue = await stage.queue(one, { type: "quorum" });
      const texts = Array.from({ length: 50 }, (_, i) => String(i));
      const published = Promise.all(texts.map((text) => one.publish(toQueue(queue, text))));
      await one.close({ drainMs: 5_000 });
      await published;
      const collected = await stage.collect(other, queue);
      deepEqual(await collected.texts(texts.length), texts);
    },
  },
  {
    title: "closing twice is closing once",
    async run(stage) {
      const transport = await stage.connect();
      await stage.queue(transport);
      await Promise.all([transport.close({ drainMs: 1_000 }), transport.close({ drainMs: 1_000 })]);
      await transport.close({ drainMs: 1_000 });
      ok(!transport.state.publishing);
    },
  },
  {
    title: "a closed transport takes nothing more: what waits fails as STOPPED, and send says no",
    async run(stage) {
      const transport = await stage.connect();
      const queue = await stage.queue(transport);
      await transport.close({ drainMs: 1_000 });
      await failsWith("STOPPED", transport.publish(toQueue(queue, "too late")));
      await failsWith(
        "STOPPED",
        transport.declare({ exchanges: [{ name: stage.unique("exchange"), type: "topic" }] }),
      );
      await failsWith(
        "STOPPED",
        transport.consume(queue, () => "ack", { prefetch: 1 }),
      );
      equal(transport.send(toQueue(queue, "too late")), false);
    },
  },
];
