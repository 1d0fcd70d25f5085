import type { DeadLetters } from "../dead-letters/dead-letters.ts";
import { type DeadLetter, letterBody } from "../dead-letters/letter.ts";
import { isFault } from "../fault.ts";
import { names } from "../names.ts";
import { mergedRecent } from "./answer.ts";
import type { Ask, Unanswered } from "./asking.ts";
import { maxRecent, type Recent, type Steps } from "./question.ts";
import type { Wanted } from "./source.ts";
import { type ConversationStep, shortened } from "./step.ts";

/** What all services and the queues of dead letters know, asked for one purpose. */
export interface Inquiry {
  stepsOf(ids: readonly string[], data: boolean): Promise<readonly ConversationStep[]>;
  /** Of these conversations, or of all that were given up so long ago at the most. */
  deadOf(
    whose: { readonly ids: readonly string[] } | { readonly sinceMs: number },
    data: boolean,
  ): Promise<readonly ConversationStep[]>;
  /** Conversations by when they changed last, those of some dead letters among them. */
  recent(wanted: Omit<Wanted, "limit">, dead: readonly ConversationStep[]): Promise<Recent>;
  /** So far. */
  unanswered(): readonly Unanswered[];
}

const maxLetters = 10_000;

export async function inquiry(ask: Ask, letters: DeadLetters): Promise<Inquiry> {
  const services = await letters.services();
  const silent = new Map<string, string>();

  async function stepsAt(service: string, conversations: readonly string[], data: boolean) {
    const steps: ConversationStep[] = [];
    for (let from: number | undefined = 0; from !== undefined; ) {
      const answer: Steps | undefined = await ask(
        service,
        { ask: "steps", conversations, data, from },
        silent,
      );
      steps.push(...(answer?.steps ?? []));
      from = answer?.next;
    }
    return steps;
  }

  return {
    async stepsOf(ids, data) {
      const told = await Promise.all(services.map((service) => stepsAt(service, ids, data)));
      // Services that share a store tell the same.
      return [...new Map(told.flat().map((step) => [step.key, step])).values()];
    },
    async deadOf(whose, data) {
      // Events that nobody subscribes to are nobody's trouble.
      const common = { services: [...services, names.unrouted], limit: maxLetters };
      const filter = "ids" in whose ? { conversations: whose.ids } : { newerThanMs: whose.sinceMs };
      try {
        const found = await letters.list({ ...common, ...filter });
        return await Promise.all(found.letters.map((letter) => stepOf(letter, data)));
      } catch (error) {
        if (!isFault(error) || error.code !== "UNAVAILABLE") throw error;
        silent.set("dead letters", error.message);
        return [];
      }
    },
    async recent(wanted, dead) {
      const question = { ask: "recent", limit: maxRecent, ...wanted } as const;
      const told = await Promise.all(services.map((service) => ask<Recent>(service, question, silent)));
      const withLetters = { found: dead.filter(({ at }) => at <= wanted.until) };
      return mergedRecent([...told.filter((each) => each !== undefined), withLetters]);
    },
    unanswered: () =>
      [...silent].map(([who, why]) => ({ who, why })).toSorted((a, b) => (a.who < b.who ? -1 : 1)),
  };
}

async function stepOf(letter: DeadLetter, data: boolean): Promise<ConversationStep> {
  const { id, service, conversation, type, reason, failedAt, firstFailedAt, attempts, error } = letter;
  return {
    ...{
      key: `dead-letter ${service} ${id}`,
      conversation: conversation ?? id,
      service,
      kind: "dead-letter",
    },
    ...{ name: type ?? "(no type)", state: "stuck", text: `a dead letter (${reason}), id ${id}` },
    ...{ at: failedAt ?? 0, beganAt: firstFailedAt, attempts, error: shortened(error, 500) },
    data: data ? shortened(JSON.stringify(await letterBody(letter)), 4_000) : undefined,
  };
}
