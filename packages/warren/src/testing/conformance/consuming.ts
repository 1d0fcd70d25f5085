import { deepEqual, equal, ok } from "node:assert/strict";
import type { Disposition, Handle } from "../../transport.ts";
import { type Behaviour, textOf, toQueue } from "./stage.ts";

/** Who gets a message, and when. */
export const consuming: readonly Behaviour[] = [
  {
    title: "a consumer never has more than its prefetch unsettled, and gets the next when one is",
    async run(stage) {
      const transport = await stage.connect();
      const queue = await stage.queue(transport);
      const running: ((disposition: Disposition) => void)[] = [];
      let most = 0;
      const { texts } = await stage.collect(
        transport,
        queue,
        () => {
          const { promise, resolve } = Promise.withResolvers<Disposition>();
          running.push(resolve);
          most = Math.max(most, running.length);
          return promise;
        },
        3,
      );
      for (let i = 0; i < 10; i++) await transport.publish(toQueue(queue, String(i)));
      await texts(3);
      await stage.until(
        "the rest waits in the queue",
        async () => (await transport.inspect(queue))?.messages === 7,
      );
      for (let settled = 1; settled <= 10; settled++) {
        await stage.until("one more is to be settled", () => running.length > 0);
        running.shift()?.("ack");
        await texts(Math.min(10, 3 + settled));
      }
      equal(most, 3);
    },
  },
  {
    title: "one consumer gets messages in the order they were published in",
    async run(stage) {
      const [sender, receiver] = [await stage.connect(), await stage.connect()];
      const queue = await stage.queue(sender);
      const { texts } = await stage.collect(receiver, queue);
      const sent = Array.from({ length: 200 }, (_, i) => String(i));
      await Promise.all(sent.map((text) => sender.publish(toQueue(queue, text))));
      deepEqual(await texts(sent.length), sent);
    },
  },
  {
    title: "consumers of one queue share its messages, each message going to one of them",
    async run(stage) {
      const [one, other] = [await stage.connect(), await stage.connect()];
      const queue = await stage.queue(one);
      const both = Promise.withResolvers<Disposition>();
      const settle = (): Promise<Disposition> => both.promise;
      const [a, b] = [
        await stage.collect(one, queue, settle, 1),
        await stage.collect(other, queue, settle, 1),
      ];
      const sent = Array.from({ length: 20 }, (_, i) => String(i));
      await Promise.all(sent.map((text) => one.publish(toQueue(queue, text))));
      await a.texts(1);
      await b.texts(1);
      both.resolve("ack");
      await stage.until("all arrived", () => a.messages.length + b.messages.length >= sent.length);
      const all = [...a.messages, ...b.messages].map(textOf);
      deepEqual(
        all.toSorted((x, y) => Number(x) - Number(y)),
        sent,
      );
    },
  },
  {
    title: "messages arrive outside of the calls that sent them or asked for them",
    async run(stage) {
      const transport = await stage.connect();
      const queue = await stage.queue(transport);
      await transport.publish(toQueue(queue, "waiting"));
      let inside = true;
      const arrivedInside: boolean[] = [];
      const consumed = stage.collect(transport, queue, () => {
        arrivedInside.push(inside);
        return "ack";
      });
      inside = false;
      const { texts } = await consumed;
      await texts(1);
      inside = true;
      transport.send(toQueue(queue, "sent"));
      inside = false;
      await texts(2);
      deepEqual(arrivedInside, [false, false]);
    },
  },
  {
    title: "a queue that lives as long as its consumer goes with it",
    async run(stage) {
      const one = await stage.connect();
      const queue = await stage.queue(one, { lifetime: "consumer" });
      await one.publish(toQueue(queue, "heard"));
      const { consumer, texts } = await stage.collect(one, queue);
      deepEqual(await texts(1), ["heard"]);
      await consumer.stop();
      await stage.until("the queue is gone", async () => (await one.inspect(queue)) === undefined);
    },
  },
  {
    title: "a consumer that stops waits for its running handlers and leaves the rest in the queue",
    async run(stage) {
      const [one, other] = [await stage.connect(), await stage.connect()];
      const queue = await stage.queue(one);
      const [order, gate]: [string[], PromiseWithResolvers<void>] = [[], Promise.withResolvers()];
      const handler = async (): Promise<Disposition> => {
        await gate.promise;
        order.push("handled");
        return "ack";
      };
      const { consumer, messages, texts } = await stage.collect(one, queue, handler, 1);
      for (const text of ["running", "left", "left too"]) await one.publish(toQueue(queue, text));
      await texts(1);
      const stopped = consumer.stop().then(() => order.push("stopped"));
      await stage.until("nobody consumes", async () => (await other.inspect(queue))?.consumers === 0);
      gate.resolve();
      await stopped;
      await consumer.stop();
      deepEqual(order, ["handled", "stopped"]);
      equal(messages.length, 1);
      const rest = await stage.collect(other, queue);
      deepEqual(await rest.texts(2), ["left", "left too"]);
    },
  },
  {
    title: "what is given back together after a stop stands in the queue in its order",
    async run(stage) {
      const one = await stage.connect();
      const queue = await stage.queue(one, { type: "quorum", deliveryLimit: 1_000 });
      const sent = Array.from({ length: 200 }, (_, n) => String(n));
      await Promise.all(sent.map((text) => one.publish(toQueue(queue, text))));
      const decided = Promise.withResolvers<Disposition>();
      let seen = 0;
      const hold: Handle = () => (++seen % 50 === 0 ? "ack" : decided.promise);
      const looking = await one.consume(queue, hold, { prefetch: 200, backTogether: true });
      await stage.until("all are held", () => seen === sent.length);
      const stopped = looking.stop();
      decided.resolve("requeue");
      await stopped;
      const kept = sent.filter((_, n) => (n + 1) % 50 !== 0);
      const { texts } = await stage.collect(one, queue);
      deepEqual(await texts(kept.length), kept);
    },
  },
  {
    title: "what a closed transport had not settled is delivered elsewhere, as redelivered",
    async run(stage) {
      const [one, other] = [await stage.connect(), await stage.connect()];
      const queue = await stage.queue(one, { type: "quorum" });
      const never = Promise.withResolvers<Disposition>();
      const first = await stage.collect(one, queue, () => never.promise, 2);
      for (const text of ["1", "2", "3"]) await one.publish(toQueue(queue, text));
      await first.texts(2);
      deepEqual(
        first.messages.map((message) => message.redelivered),
        [false, false],
      );
      await one.close({ drainMs: 0 });
      const second = await stage.collect(other, queue);
      deepEqual((await second.texts(3)).toSorted(), ["1", "2", "3"]);
      const again = second.messages.filter((message) => message.redelivered).map(textOf);
      deepEqual(again.toSorted(), ["1", "2"]);
      never.resolve("ack");
    },
  },
  {
    title: "a consumer on an empty queue gets what comes later, from any transport",
    async run(stage) {
      const [one, other] = [await stage.connect(), await stage.connect()];
      const queue = await stage.queue(one);
      const { messages, texts } = await stage.collect(one, queue);
      await other.publish(toQueue(queue, "later"));
      deepEqual(await texts(1), ["later"]);
      ok(messages.every((message) => !message.redelivered));
    },
  },
];
