import { storedKey } from "../stored-key.ts";
import type { DeadLetter } from "./letter.ts";

/** Which letters; what is not said matches all. */
export interface LetterFilter {
  /** @default every service that ever started, `warren.unrouted` and `warren.unheard` */
  readonly services?: readonly string[] | undefined;
  readonly ids?: readonly string[] | undefined;
  /** `<service>.<event>` or `<service>.<method>`. */
  readonly types?: readonly string[] | undefined;
  /** What they belong to. */
  readonly conversations?: readonly string[] | undefined;
  /** See `DeadLetter.reason`. */
  readonly reasons?: readonly string[] | undefined;
  /** A part of the error's text, in any case. */
  readonly error?: string | undefined;
  /** Given up at least this long ago, in milliseconds. */
  readonly olderThanMs?: number | undefined;
  /** Given up at most this long ago, in milliseconds. */
  readonly newerThanMs?: number | undefined;
  /** How many letters at the most, the oldest of each service first. */
  readonly limit?: number | undefined;
}

/** Whether a letter is meant, `now` being milliseconds since the Unix epoch. The limit is the caller's to keep. */
export function matcher(filter: LetterFilter, now: number): (letter: DeadLetter) => boolean {
  const ids = filter.ids && new Set(filter.ids);
  const types = filter.types && new Set(filter.types);
  const conversations = filter.conversations && new Set(filter.conversations.map(storedKey));
  const reasons = filter.reasons && new Set(filter.reasons);
  const error = filter.error?.toLowerCase();
  const latest = filter.olderThanMs === undefined ? undefined : now - filter.olderThanMs;
  const earliest = filter.newerThanMs === undefined ? undefined : now - filter.newerThanMs;
  return (letter) =>
    (ids === undefined || ids.has(letter.id)) &&
    (types === undefined || types.has(letter.type ?? "")) &&
    (conversations === undefined || conversations.has(letter.conversation ?? "")) &&
    (reasons === undefined || reasons.has(letter.reason)) &&
    (error === undefined || letter.error?.toLowerCase().includes(error) === true) &&
    // A letter of unknown age is neither older nor newer than anything.
    (latest === undefined || (letter.failedAt !== undefined && letter.failedAt <= latest)) &&
    (earliest === undefined || (letter.failedAt !== undefined && letter.failedAt >= earliest));
}
