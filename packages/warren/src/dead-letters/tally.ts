import { isFault } from "../fault.ts";
import type { LetterFilter } from "./filter.ts";
import type { DeadLetter } from "./letter.ts";

/** What was decided, or what would be. */
export interface Decision {
  readonly done: number;
  /** Letters that are where they were, and why. */
  readonly stayed: readonly StayedLetter[];
  /** Ids of the filter that no letter has. */
  readonly missing: readonly string[];
  /** How many of those done were of which service and reason, and which queue they are for. */
  readonly parts: readonly DecisionPart[];
  /** Events that nobody subscribes to still: they were sent, and are in `warren.unheard` again. As far as its length tells. */
  readonly unheardAgain: number;
  /** Letters that were not looked at, since there were too many at once. Decide again; where that does nothing, with a larger `maxLetters`. */
  readonly unseen: number;
}

export interface DecisionPart {
  /** As in `DeadLetter.service`. */
  readonly service: string;
  readonly reason: string;
  /** Where a replay sends them. Of `warren.unheard` it is the event, which goes to all who subscribe to it. */
  readonly queue: string | undefined;
  readonly count: number;
}

export interface StayedLetter {
  readonly id: string;
  readonly service: string;
  readonly why: string;
}

/** Counts what becomes of each letter. */
export interface Tally {
  readonly done: number;
  readonly stayed: readonly StayedLetter[];
  unseen: number;
  unheardAgain: number;
  /** It is done, or it is where it was for this reason. */
  tell(letter: Told, failure: unknown): void;
  stay(letter: Told, why: string): void;
  decision(): Decision;
}

/** What is counted of a letter. */
export type Told = Pick<DeadLetter, "id" | "service" | "reason" | "queue">;

export function tallying({ ids = [] }: LetterFilter): Tally {
  const missing = new Set(ids);
  const stayed: StayedLetter[] = [];
  const parts = new Map<string, { -readonly [K in keyof DecisionPart]: DecisionPart[K] }>();
  const stay = ({ id, service }: Told, why: string): void => {
    missing.delete(id);
    stayed.push({ id, service, why });
  };
  const tally = {
    done: 0,
    unseen: 0,
    unheardAgain: 0,
    stayed,
    stay,
    tell(letter: Told, failure: unknown): void {
      if (failure !== undefined) return stay(letter, whyOf(letter, failure));
      missing.delete(letter.id);
      tally.done++;
      const { service, reason, queue } = letter;
      const key = JSON.stringify([service, reason, queue]);
      const part = parts.get(key);
      if (part === undefined) parts.set(key, { service, reason, queue, count: 1 });
      else part.count++;
    },
    decision: (): Decision => ({
      done: tally.done,
      stayed,
      missing: [...missing],
      parts: [...parts.values()],
      unheardAgain: tally.unheardAgain,
      unseen: tally.unseen,
    }),
  };
  return tally;
}

function whyOf({ queue }: Pick<DeadLetter, "queue">, failure: unknown): string {
  if (isFault(failure) && failure.code === "UNROUTABLE" && queue !== undefined) return gone(queue);
  return failure instanceof Error ? failure.message : String(failure);
}

export function gone(queue: string): string {
  return `its queue ${queue} does not exist any more`;
}
