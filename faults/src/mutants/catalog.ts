import type { Mutant } from "./mutant.ts";

const move = "retry/move.ts";
const settlement = "rabbitmq/settlement.ts";
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
];
