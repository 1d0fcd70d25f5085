import { deepEqual } from "node:assert/strict";
import type { Exchange, Transport } from "../../transport.ts";
import { type Behaviour, type Collected, type Stage, toQueue } from "./stage.ts";

/** Which queues a message gets to. */
export const routing: readonly Behaviour[] = [
  {
    title: "the default exchange brings a message to the queue that its key names",
    async run(stage) {
      const transport = await stage.connect();
      const [right, wrong] = [await stage.queue(transport), await stage.queue(transport)];
      const [a, b] = [await stage.collect(transport, right), await stage.collect(transport, wrong)];
      await transport.publish(toQueue(right, "right"));
      await transport.publish(toQueue(wrong, "wrong"));
      deepEqual([await a.texts(1), await b.texts(1)], [["right"], ["wrong"]]);
      const [message] = a.messages;
      deepEqual([message?.exchange, message?.key, message?.redelivered], ["", right, false]);
    },
  },
  {
    title: "a direct exchange brings a message to the queues bound with exactly its key",
    async run(stage) {
      const bound = await bind(stage, "direct", [["red"], ["red", "blue"], ["re*"]]);
      await bound.publish(["red", "blue", "green", "re"]);
      deepEqual(await bound.arrived(), [["red"], ["red", "blue"], []]);
    },
  },
  {
    title: "a fanout exchange brings a message to every bound queue whatever the keys",
    async run(stage) {
      const bound = await bind(stage, "fanout", [[""], ["red"], ["blue", "green"]]);
      await bound.publish(["red", "x"]);
      deepEqual(await bound.arrived(), [
        ["red", "x"],
        ["red", "x"],
        ["red", "x"],
      ]);
    },
  },
  {
    title: "what an exchange has no queue for goes to its alternate exchange, and counts as routed",
    async run(stage) {
      const transport = await stage.connect();
      const [exchange, alternate] = [stage.unique("exchange"), stage.unique("alternate")];
      const [own, rest] = [await stage.queue(transport), await stage.queue(transport)];
      await transport.declare({
        exchanges: [
          { name: exchange, type: "direct", alternate },
          { name: alternate, type: "fanout" },
        ],
        bindings: [
          { queue: own, exchange, key: "known" },
          { queue: rest, exchange: alternate, key: "" },
        ],
      });
      const [a, b] = [await stage.collect(transport, own), await stage.collect(transport, rest)];
      const message = { ...toQueue("", ""), exchange, mandatory: true };
      await transport.publish({ ...message, key: "known", body: Buffer.from("known") });
      await transport.publish({ ...message, key: "unknown", body: Buffer.from("unknown") });
      deepEqual([await a.texts(1), await b.texts(1)], [["known"], ["unknown"]]);
    },
  },
  {
    title: "a queue with a limit of bytes drops its oldest messages for new ones",
    async run(stage) {
      const transport = await stage.connect();
      const queue = await stage.queue(transport, { type: "quorum", maxBytes: 8_000 });
      for (const text of ["1", "2", "3", "4", "5"])
        await transport.publish(toQueue(queue, text.repeat(3_000)));
      await stage.until("two are left", async () => (await transport.inspect(queue))?.messages === 2);
      const { texts } = await stage.collect(transport, queue);
      deepEqual(await texts(2), ["4".repeat(3_000), "5".repeat(3_000)]);
    },
  },
  {
    title: "in a topic exchange * is one word and # any number of words, none included",
    async run(stage) {
      const bound = await bind(stage, "topic", [
        ["a.*"],
        ["a.#"],
        ["*.b"],
        ["#.b"],
        ["a.*.c"],
        ["#"],
        ["a.#.c"],
      ]);
      await bound.publish(["a", "a.b", "a.b.c", "a.c", "b", "ab.b"]);
      deepEqual(await bound.arrived(), [
        ["a.b", "a.c"],
        ["a", "a.b", "a.b.c", "a.c"],
        ["a.b", "ab.b"],
        ["a.b", "b", "ab.b"],
        ["a.b.c"],
        ["a", "a.b", "a.b.c", "a.c", "b", "ab.b"],
        ["a.b.c", "a.c"],
      ]);
    },
  },
  {
    title: "a queue gets a message once however many of its bindings match",
    async run(stage) {
      const bound = await bind(stage, "topic", [["a.#", "*.b", "#", "a.b"]]);
      await bound.publish(["a.b"]);
      deepEqual(await bound.arrived(), [["a.b"]]);
    },
  },
  {
    title: "a binding counts from when it is declared, also for keys that were published before",
    async run(stage) {
      const bound = await bind(stage, "topic", [["a.*"], ["nothing"]]);
      await bound.publish(["a.b"]);
      await bound.bindMore(1, "a.b");
      await bound.publish(["a.b"]);
      deepEqual(await bound.arrived(), [["a.b", "a.b"], ["a.b"]]);
    },
  },
  {
    title: "a message that went through an exchange tells which, and with what key",
    async run(stage) {
      const bound = await bind(stage, "topic", [["a.*"]]);
      await bound.publish(["a.b"]);
      await bound.arrived();
      const message = bound.queues[0]?.messages[0];
      deepEqual([message?.exchange, message?.key], [bound.exchange, "a.b"]);
    },
  },
];

interface Bound {
  readonly exchange: string;
  readonly queues: readonly Collected[];
  /** Binds one of the queues with one more key. */
  bindMore(queue: number, key: string): Promise<void>;
  /** One message per key, with the key as its text. */
  publish(keys: readonly string[]): Promise<void>;
  /** What each queue got, found out by a last message to each: nothing before it can still be on its way. */
  arrived(): Promise<readonly (readonly string[])[]>;
}

/** An exchange with one queue per list of binding keys. */
async function bind(stage: Stage, type: Exchange["type"], keysOfQueues: readonly string[][]): Promise<Bound> {
  const transport: Transport = await stage.connect();
  const exchange = stage.unique("exchange");
  const names = await Promise.all(keysOfQueues.map(() => stage.queue(transport)));
  await transport.declare({
    exchanges: [{ name: exchange, type }],
    bindings: keysOfQueues.flatMap((keys, i) => keys.map((key) => ({ queue: names[i]!, exchange, key }))),
  });
  const queues: Collected[] = [];
  for (const name of names) queues.push(await stage.collect(transport, name));
  return {
    exchange,
    queues,
    bindMore: (queue, key) => transport.declare({ bindings: [{ queue: names[queue]!, exchange, key }] }),
    async publish(keys) {
      for (const key of keys) await transport.publish({ ...toQueue(key, key), exchange, mandatory: false });
    },
    async arrived() {
      const all: (readonly string[])[] = [];
      for (const [i, { messages, texts }] of queues.entries()) {
        await transport.publish(toQueue(names[i]!, "fence"));
        await stage.until("the last message arrived", () => messages.at(-1)?.key === names[i]);
        all.push((await texts(1)).slice(0, -1));
      }
      return all;
    },
  };
}
