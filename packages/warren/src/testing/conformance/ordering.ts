import { deepEqual, equal } from "node:assert/strict";
import type { Disposition, Transport } from "../../transport.ts";
import { type Behaviour, type Stage, textOf, toQueue } from "./stage.ts";

/** What keeps an order over all consumers of a queue. */
export const ordering: readonly Behaviour[] = (["classic", "quorum"] as const).flatMap((type) => [
  {
    title: `a ${type} queue with a single active consumer gives its messages to the first, and to the next once that is gone`,
    async run(stage: Stage) {
      const [one, other] = [await stage.connect(), await stage.connect()];
      const queue = await stage.queue(one, { type, singleActive: true });
      const held: ((disposition: Disposition) => void)[] = [];
      const hold = () => new Promise<Disposition>((settle) => void held.push(settle));
      const a = await stage.collect(one, queue, hold, 3);
      const b = await stage.collect(other, queue);
      for (const text of ["1", "2", "3", "4", "5"]) await one.publish(toQueue(queue, text));
      deepEqual(await a.texts(3), ["1", "2", "3"]);
      await passing(stage, other);
      deepEqual(b.messages, []);
      held[0]?.("ack");
      deepEqual(await a.texts(4), ["1", "2", "3", "4"]);
      await one.close({ drainMs: 0 });
      deepEqual(await b.texts(4), ["2", "3", "4", "5"]);
      deepEqual(
        b.messages.map(({ redelivered }) => redelivered),
        [true, true, true, false],
      );
    },
  },
  {
    title: `what consumers of a ${type} queue leave undone reaches the next one in order, also when each has the queue for a moment`,
    async run(stage: Stage) {
      const sender = await stage.connect();
      const queue = await stage.queue(sender, { type, singleActive: true });
      const sent = Array.from({ length: 12 }, (_, i) => String(i));
      for (const text of sent) await sender.publish(toQueue(queue, text));
      for (const done of [0, 1, 2, 3]) {
        const shortLived = await stage.connect();
        const first = String(done);
        const { texts } = await stage.collect(
          shortLived,
          queue,
          (message) => (textOf(message) === first ? "ack" : new Promise(() => {})),
          5,
        );
        deepEqual(await texts(6), sent.slice(done, done + 6));
        await shortLived.close({ drainMs: 0 });
      }
      const last = await stage.collect(sender, queue, undefined, 5);
      deepEqual(await last.texts(8), sent.slice(4));
    },
  },
  {
    title: `a consumer in order of a ${type} queue that stops begins nothing, ends what runs, and then gives the rest back in order`,
    async run(stage: Stage) {
      const [one, other] = [await stage.connect(), await stage.connect()];
      const queue = await stage.queue(one, { type, singleActive: true });
      const [slow, others] = [Promise.withResolvers<Disposition>(), Promise.withResolvers<Disposition>()];
      const begun: string[] = [];
      const stopping = await one.consume(
        queue,
        (message) => {
          begun.push(textOf(message));
          return textOf(message) === "2" ? slow.promise : others.promise;
        },
        { prefetch: 3, inOrder: true },
      );
      const next = await stage.collect(other, queue);
      for (const text of ["1", "2", "3", "4", "5"]) await one.publish(toQueue(queue, text));
      await stage.until("three were begun", () => begun.length === 3);
      let stopped = false;
      const stop = stopping.stop().then(() => {
        stopped = true;
      });
      others.resolve("requeue");
      await passing(stage, other);
      deepEqual(next.messages, []);
      equal(stopped, false);
      slow.resolve("ack");
      await stop;
      deepEqual(await next.texts(4), ["1", "3", "4", "5"]);
      deepEqual(begun, ["1", "2", "3"]);
    },
  },
]);

/** Long enough for a message to have come, if one were on its way. */
async function passing(stage: Stage, transport: Transport): Promise<void> {
  const queue = await stage.queue(transport, { type: "quorum" });
  const { texts } = await stage.collect(transport, queue);
  for (let i = 1; i <= 5; i++) {
    await transport.publish(toQueue(queue, "passes"));
    await texts(i);
  }
}
