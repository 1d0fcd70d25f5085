import type { Mutant } from "./mutant.ts";

const move = "retry/move.ts";
const settlement = "rabbitmq/settlement.ts";
const wire = "rabbitmq/wire.ts";
const consumer = "rabbitmq/consumer.ts";

export const mutants: readonly Mutant[] = [
  {
    name: "ack-before-handling",
    about: "a delivery is acknowledged when it comes, not when its handler is done",
    scenario: "worker-killed",
    edits: [
      {
        file: settlement,
        find: "      underway.add(tag);",
        replace: '      this.settle(tag, "ack");\n      underway.add(-tag);',
      },
      {
        file: settlement,
        find: "    settle(tag, disposition) {",
        replace: "    settle(tag, disposition) {\n      if (underway.delete(-tag)) return;",
      },
    ],
  },
  {
    name: "ack-before-retry-confirmed",
    about: "a failed message is acknowledged as soon as its retry is handed over, not when the broker has it",
    scenario: "alarms-and-killed",
    edits: [
      {
        file: move,
        find: "        await put(message, to);",
        replace: "        void put(message, to).catch(() => {});",
      },
    ],
  },
  {
    name: "no-mandatory",
    about: "what is published to a delay queue that somebody deleted is confirmed, and gone",
    scenario: "delay-queues-deleted",
    edits: [{ file: move, find: "      mandatory: true,", replace: "      mandatory: false," }],
  },
  {
    name: "ack-on-new-channel",
    about:
      "a delivery whose channel is gone is acknowledged on the next one, where its number is another message's",
    scenario: "lines-cut-and-killed",
    edits: [
      {
        file: consumer,
        find: "const settle = settlement(channel);",
        replace: `const settle = settlement({
        ...channel,
        beforeFlush: (run) => channel.beforeFlush(run),
        ack: (tag, multiple) => (steady.channel ?? channel).ack(tag, multiple),
        reject: (tag, requeue) => (steady.channel ?? channel).reject(tag, requeue),
      });`,
      },
    ],
  },
  {
    name: "no-lanes",
    about: "events in order are begun as they come, whatever of their key is still being done",
    scenario: "ordered-workers-killed",
    edits: [
      {
        file: "events/in-order.ts",
        find: "const mine = (lanes.get(key) ?? Promise.resolve()).then(work);",
        replace: "const mine = Promise.resolve().then(work);",
      },
    ],
  },
  {
    name: "death-headers-kept",
    about:
      "what the broker noted on a dead letter travels on with its replay, and the broker takes that for a loop",
    scenario: "events-expired",
    edits: [
      {
        file: "rabbitmq/translate.ts",
        find: 'if (typeof value !== "string" && typeof value !== "number" && typeof value !== "boolean") continue;',
        replace: 'if (typeof value === "object" && name !== "x-death") continue;',
      },
      {
        file: move,
        find: "!isBrokersOwn(name)",
        replace: '(name === "x-death" || !isBrokersOwn(name))',
      },
      {
        file: "dead-letters/republish.ts",
        find: "!isBrokersOwn(name)",
        replace: '(name === "x-death" || !isBrokersOwn(name))',
      },
      { file: wire, find: "/^x-(death|first-death-|", replace: "/^x-(first-death-|" },
      {
        file: wire,
        find: "let bytes = 128 + 3 * characters;",
        replace: "let bytes = 16_384 + 3 * characters;",
      },
      {
        // A list is written as one (A), and what is in it as a table (F).
        file: wire,
        find: '    if (typeof value === "string") {\n      chunk[at] = 0x53; // S',
        replace: `    if (typeof value === "object") {
      const isList = Array.isArray(value);
      const from = at + 1;
      chunk[at] = isList ? 0x41 : 0x46;
      at += 5;
      for (const key of Object.keys(value)) {
        if (!isList) short(key, "name of a header");
        field(value[key]);
      }
      return u32(at - from - 4, from);
    }
    if (typeof value === "string") {
      chunk[at] = 0x53; // S`,
      },
    ],
  },
];
