import type { Conversation, ConversationStep, Unanswered } from "../../index.ts";
import { oneLine } from "../table.ts";
import { dateOf } from "../text.ts";

/** The step that makes the conversation what it is: the last one that is as it is as a whole. */
export function openStep({ state, steps }: Conversation): ConversationStep | undefined {
  return steps.findLast((step) => step.state === state);
}

/** As a JSON value, its dates in ISO 8601. */
export function asJson(conversation: Conversation): object {
  return {
    ...conversation,
    beganAt: dateOf(conversation.beganAt),
    lastAt: dateOf(conversation.lastAt),
    steps: conversation.steps.map(({ key: _, conversation: __, ...step }) => ({
      ...step,
      at: dateOf(step.at),
      beganAt: dateOf(step.beganAt),
      dueAt: dateOf(step.dueAt),
    })),
  };
}

/** An answer that lacks something must not look like a whole one. One line for a reason, however many share it. */
export function tellUnanswered(unanswered: readonly Unanswered[]): void {
  const byReason = Map.groupBy(unanswered, ({ who, why }) => why.replace(`Service "${who}"`, "The service"));
  for (const [reason, group] of byReason) {
    const [names, knows] = [
      group.map(({ who }) => who).join(", "),
      group.length === 1 ? "it knows" : "they know",
    ];
    console.error(`Not asked, so what ${knows} is missing: ${oneLine(names)} (${oneLine(reason)}).`);
  }
}
