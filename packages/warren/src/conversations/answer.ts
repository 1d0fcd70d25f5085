import type { Store } from "../store.ts";
import type { Clock } from "../time.ts";
import { messages } from "./messages.ts";
import type { Question, Recent, Steps } from "./question.ts";
import { reactions } from "./reactions.ts";
import { sagas } from "./sagas.ts";
import type { ConversationSource, Wanted } from "./source.ts";
import { type ConversationStep, inOrderOfTime } from "./step.ts";
import { times } from "./times.ts";

const sources: readonly ConversationSource[] = [messages, reactions, sagas, times];

/** One answer holds no more; the next one goes on. */
const maxSteps = 500;
const maxBytes = 512 * 1_024;
/** Of one conversation nobody reads more, and whoever asks about several gets the most of each. */
const maxRows = 5_000;

/** Answers questions about conversations from one store. Only reads. */
export function conversationAnswers(
  store: Store<any>,
  clock: Clock,
): (question: Question) => Promise<Recent | Steps> {
  return async (question) => {
    if (question.ask === "recent") return recent(store, question);
    const asked = { ...question, limit: maxRows, now: clock.now() };
    const told = await Promise.all(sources.map((source) => source.steps(store, asked)));
    return part(inOrderOfTime(told.flat()), question.from);
  };
}

async function recent(store: Store<any>, wanted: Wanted): Promise<Recent> {
  const all = await Promise.all(sources.map((source) => source.recent(store, wanted)));
  return mergedRecent(
    all.map((found) => ({ found, through: found.length < wanted.limit ? undefined : found.at(-1)!.at })),
  );
}

/** What several know together: complete only as far back as the one that reaches back least. */
export function mergedRecent(all: readonly Recent[]): Recent {
  const through = Math.max(...all.map((each) => each.through ?? Number.NEGATIVE_INFINITY));
  const latest = new Map<string, number>();
  for (const { conversation, at } of all.flatMap(({ found }) => found))
    if (at >= through) latest.set(conversation, Math.max(at, latest.get(conversation) ?? 0));
  const found = [...latest].map(([conversation, at]) => ({ conversation, at }));
  return {
    found: found.toSorted((a, b) => b.at - a.at),
    through: Number.isFinite(through) ? through : undefined,
  };
}

function part(steps: readonly ConversationStep[], from: number): Steps {
  let bytes = 0;
  let to = from;
  while (to < steps.length && to - from < maxSteps) {
    bytes += Buffer.byteLength(JSON.stringify(steps[to]));
    if (bytes > maxBytes && to > from) break;
    to++;
  }
  return { steps: steps.slice(from, to), next: to < steps.length ? to : undefined };
}
