import { deepEqual, notEqual, ok } from "node:assert/strict";
import type { Incoming, Outgoing } from "../../message.ts";
import type { Disposition, Handle } from "../../transport.ts";
import { type Behaviour, textOf, toQueue } from "./stage.ts";

/** Addresses that answers go to. */
export const replying: readonly Behaviour[] = [
  {
    title: "a reply arrives at the address it was sent to, and nowhere else",
    async run(stage) {
      const [one, other, sender] = [await stage.connect(), await stage.connect(), await stage.connect()];
      const got: Record<"one" | "other", string[]> = { one: [], other: [] };
      const a = await one.replies((message) => got.one.push(textOf(message)));
      const b = await other.replies((message) => got.other.push(textOf(message)));
      notEqual(a.address, b.address);
      // The sender has connected once it has published; `send` waits for nothing.
      await sender.publish(toQueue(await stage.queue(sender), "hello"));
      sender.send(answer(a.address, "for one"));
      sender.send(answer(b.address, "for the other"));
      await stage.until("both arrived", () => got.one.length > 0 && got.other.length > 0);
      deepEqual(got, { one: ["for one"], other: ["for the other"] });
    },
  },
  {
    title: "a hundred calls under way at once each get their own answer",
    async run(stage) {
      const [caller, service] = [await stage.connect(), await stage.connect()];
      const queue = await stage.queue(service);
      const serve: Handle = async (message): Promise<Disposition> => {
        const { correlationId, replyTo } = message;
        service.send(
          toQueue(replyTo!, `${textOf(message)}!`, { correlationId, persistent: false, mandatory: false }),
        );
        return "ack";
      };
      await service.consume(queue, serve, { prefetch: 50 });
      const answers = new Map<string, string>();
      const { address } = await caller.replies((message: Incoming) =>
        answers.set(message.correlationId!, textOf(message)),
      );
      await caller.publish(toQueue(queue, "0", { correlationId: "0", replyTo: address }));
      for (let i = 1; i < 100; i++) {
        const id = String(i);
        caller.send(
          toQueue(queue, id, { correlationId: id, replyTo: address, expirationMs: 5_000, persistent: false }),
        );
      }
      await stage.until("every call is answered", () => answers.size === 100);
      deepEqual([answers.get("0"), answers.get("57"), answers.get("99")], ["0!", "57!", "99!"]);
    },
  },
  {
    title: "a reply handler that throws loses its reply and no other",
    async run(stage) {
      const transport = await stage.connect();
      const got: string[] = [];
      const { address } = await transport.replies((message) => {
        if (textOf(message) === "bad") throw new Error("This reply handler throws.");
        got.push(textOf(message));
      });
      await transport.publish(answer(address, "bad"));
      await transport.publish(answer(address, "good"));
      await stage.until("the second arrived", () => got.length > 0);
      deepEqual(got, ["good"]);
    },
  },
  {
    title: "an answer to a transport that is closed is dropped, and what follows it is not",
    async run(stage) {
      const [one, other] = [await stage.connect(), await stage.connect()];
      const got: string[] = [];
      const { address } = await one.replies((message) => got.push(textOf(message)));
      const queue = await stage.queue(other);
      const { texts } = await stage.collect(other, queue);
      await other.publish(answer(address, "in time"));
      await stage.until("it arrived", () => got.length > 0);
      await one.close({ drainMs: 1_000 });
      await other.publish(answer(address, "too late"));
      await other.publish(toQueue(queue, "next"));
      deepEqual([await texts(1), got], [["next"], ["in time"]]);
    },
  },
];

/** Not mandatory, since an address is no queue. */
function answer(address: string | undefined, text: string): Outgoing {
  ok(address, "there is an address for replies");
  return toQueue(address, text, { mandatory: false, persistent: false });
}
