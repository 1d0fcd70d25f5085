import type { Desk } from "./decide.ts";
import { type LetterFilter, matcher } from "./filter.ts";
import { heldBytes } from "./hands.ts";
import { type DeadLetter, letterOf } from "./letter.ts";
import { alone } from "./lock.ts";
import { lookThrough } from "./look.ts";
import type { Source } from "./source.ts";

/** How much was seen. */
export interface Seen {
  /** How many letters match, the limit aside. */
  readonly matched: number;
  /** How many were looked at, the oldest of each service. */
  readonly looked: number;
  /** How many there were; more than `looked` where there are too many to be held at once. */
  readonly total: number;
}

/** Looks through queues, one after the other. `keep` is asked about each letter that matches; what it keeps counts as held in memory. */
export async function see(
  desk: Desk,
  sources: readonly Source[],
  filter: LetterFilter,
  signal: AbortSignal | undefined,
  keep: (letter: DeadLetter) => boolean,
): Promise<Seen> {
  const { transport, clock, waitMs } = desk;
  const matches = matcher(filter, clock.now());
  const { letters } = desk.limits;
  let { bytes } = desk.limits;
  const seen = { matched: 0, looked: 0, total: 0 };
  for (const source of sources) {
    await alone(transport, clock, source, waitMs, async () => {
      const look = await lookThrough(
        transport,
        clock,
        source.queue,
        { letters, bytes },
        signal,
        (message) => {
          const letter = letterOf(source, message);
          if (!matches(letter)) return undefined;
          seen.matched++;
          return keep(letter) ? heldBytes(message) : undefined;
        },
      );
      // What is kept of one service leaves less room for the next.
      for (const { value } of look.picked) bytes -= value;
      bytes = Math.max(1, bytes);
      await look.end();
      seen.looked += look.looked;
      seen.total += look.total;
    });
  }
  return seen;
}
