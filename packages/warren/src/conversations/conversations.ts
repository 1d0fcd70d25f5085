import { deadLetters } from "../dead-letters/dead-letters.ts";
import { storedKey } from "../stored-key.ts";
import { type Clock, systemClock } from "../time.ts";
import type { Transport } from "../transport.ts";
import { wholeNumber } from "../whole-number.ts";
import { asking, type Unanswered } from "./asking.ts";
import { type Inquiry, inquiry } from "./inquiry.ts";
import { maxAsked, type Recent } from "./question.ts";
import {
  type ConversationState,
  type ConversationStep,
  conversationStates,
  inOrderOfTime,
  stateOf,
} from "./step.ts";

export interface ConversationsOptions {
  /** @default the machine's own */
  readonly clock?: Clock | undefined;
  /** How long each service has for an answer, in milliseconds. @default 5_000 */
  readonly waitMs?: number | undefined;
}

export interface ConversationFilter {
  /** In which this service has a part. */
  readonly service?: string | undefined;
  readonly state?: ConversationState | undefined;
  /** In which something happened so long ago at the most, in milliseconds. @default a week */
  readonly sinceMs?: number | undefined;
  /** @default 50 */
  readonly limit?: number | undefined;
}

/** Where a conversation is. Times are milliseconds since the Unix epoch. */
export interface Conversation {
  readonly id: string;
  readonly state: ConversationState;
  readonly beganAt: number;
  /** When something of it changed last. */
  readonly lastAt: number;
  readonly services: readonly string[];
  /** All that is known of it, in the order of time. */
  readonly steps: readonly ConversationStep[];
}

export interface ConversationList {
  /** The one that changed last first. */
  readonly conversations: readonly Conversation[];
  readonly unanswered: readonly Unanswered[];
}

export interface ConversationAnswer {
  /** `undefined` where nobody knows of one with this id. */
  readonly conversation: Conversation | undefined;
  readonly unanswered: readonly Unanswered[];
}

/**
 * Where conversations are, from the stores of all services and from the dead letters. One instance of each service is
 * asked over the broker, so nobody needs access to its database; a service without a store knows nothing of them. Changes
 * nothing. Each operation throws Fault UNAVAILABLE when no broker answers.
 */
export interface Conversations {
  /** @throws TypeError for a state or a limit that is none */
  list(filter?: ConversationFilter): Promise<ConversationList>;
  /** With `data` also what messages, results and dead letters hold, which may be private. */
  show(id: string, options?: { readonly data?: boolean }): Promise<ConversationAnswer>;
}

const weekMs = 7 * 86_400_000;

/** For tools; the transport stays theirs to close. */
export function conversations(transport: Transport, options: ConversationsOptions = {}): Conversations {
  const { clock = systemClock } = options;
  const waitMs = wholeNumber("conversations: `waitMs`", options.waitMs, 5_000);
  const letters = deadLetters(transport, { clock, waitMs });
  const ask = asking(transport, clock, waitMs);
  return {
    async list(filter = {}) {
      const limit = wholeNumber("conversations: `limit`", filter.limit, 50);
      if (filter.state !== undefined && !conversationStates.includes(filter.state))
        throw new TypeError(
          `conversations: state is "${filter.state}"; use one of ${conversationStates.join(", ")}.`,
        );
      const asked = await inquiry(ask, letters);
      const found = await gathered(asked, { ...filter, limit }, clock.now());
      return { conversations: found, unanswered: asked.unanswered() };
    },
    async show(named, { data = false } = {}) {
      const id = storedKey(named);
      const asked = await inquiry(ask, letters);
      const [told, dead] = await Promise.all([asked.stepsOf([id], data), asked.deadOf({ ids: [id] }, data)]);
      return { conversation: conversationOf(id, [...told, ...dead]), unanswered: asked.unanswered() };
    },
  };
}

/**
 * Page by page, the latest first. Whether one is meant is known only when all have told what they know of it: what is
 * done in one service may wait in another.
 */
async function gathered(
  asked: Inquiry,
  { limit, state, service, sinceMs = weekMs }: ConversationFilter & { readonly limit: number },
  now: number,
): Promise<readonly Conversation[]> {
  const dead = await asked.deadOf({ sinceMs }, false);
  const since = Math.max(0, Math.floor(now - sinceMs));
  const open = state === "running" || state === "waiting" || state === "stuck";
  const isMeant = (one: Conversation): boolean =>
    (state === undefined || one.state === state) && (service === undefined || one.services.includes(service));
  const found: Conversation[] = [];
  const seen = new Set<string>();
  let until: number | undefined = Number.MAX_SAFE_INTEGER;
  while (until !== undefined && found.length < limit) {
    const page: Recent = await asked.recent({ open, since, until }, dead);
    const fresh = page.found.map(({ conversation }) => conversation).filter((id) => !seen.has(id));
    for (let from = 0; from < fresh.length && found.length < limit; from += maxAsked) {
      const ids = fresh.slice(from, from + maxAsked);
      const told = [...(await asked.stepsOf(ids, false)), ...dead];
      for (const id of ids) seen.add(id);
      const some = ids.map((id) =>
        conversationOf(
          id,
          told.filter(({ conversation }) => conversation === id),
        ),
      );
      found.push(...some.filter((one) => one !== undefined).filter(isMeant));
    }
    // What changed in the same millisecond may be on both pages, unless it fills one.
    until = page.through === until ? until - 1 : page.through;
  }
  return found.slice(0, limit);
}

function conversationOf(id: string, all: readonly ConversationStep[]): Conversation | undefined {
  const steps = inOrderOfTime(all);
  if (steps.length === 0) return undefined;
  return {
    id,
    state: stateOf(steps),
    beganAt: Math.min(...steps.map(({ beganAt, at }) => beganAt ?? at)),
    lastAt: Math.max(...steps.map(({ at }) => at)),
    services: [...new Set(steps.map(({ service }) => service))].sort(),
    steps,
  };
}
