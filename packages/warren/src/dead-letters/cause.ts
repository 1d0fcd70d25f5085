import type { DeadLetter } from "./letter.ts";

/** Letters that were given up for one cause, as far as their texts tell. */
export interface LetterGroup {
  readonly reason: string;
  readonly type: string | undefined;
  /** The error's text with its numbers, ids and quoted values left out. */
  readonly error: string | undefined;
  readonly count: number;
  readonly services: readonly string[];
  /** When the first and the last of them was given up, milliseconds since the Unix epoch. */
  readonly first: number | undefined;
  readonly last: number | undefined;
  /** The id of one of them. */
  readonly example: string;
}

/** Counts letters by cause without keeping them. */
export interface Causes {
  add(letter: DeadLetter): void;
  /** The largest first. */
  groups(): LetterGroup[];
}

type Counted = { -readonly [K in keyof LetterGroup]: LetterGroup[K] } & { services: string[] };

export function causes(): Causes {
  const byCause = new Map<string, Counted>();
  return {
    add(letter) {
      const error = letter.error === undefined ? undefined : normalised(letter.error);
      const cause = JSON.stringify([letter.reason, letter.type, error]);
      const group = byCause.get(cause);
      if (group === undefined) {
        byCause.set(cause, {
          reason: letter.reason,
          type: letter.type,
          error,
          count: 1,
          services: [letter.service],
          first: letter.failedAt,
          last: letter.failedAt,
          example: letter.id,
        });
        return;
      }
      group.count++;
      if (!group.services.includes(letter.service)) group.services.push(letter.service);
      const at = letter.failedAt;
      if (at === undefined) return;
      if (group.first === undefined || at < group.first) group.first = at;
      if (group.last === undefined || at > group.last) group.last = at;
    },
    groups: () => [...byCause.values()].toSorted((a, b) => b.count - a.count),
  };
}

/** Long enough to tell causes apart; errors that quote a whole body are cut. */
const maxChars = 300;

/** An error's text without what differs each time: the letters of one cause have the same. */
export function normalised(error: string): string {
  return error
    .slice(0, 4 * maxChars)
    .replaceAll(/\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b/gi, "…")
    .replaceAll(/"(?:[^"\\]|\\.)*"|(?<!\w)'[^'\n]*'(?!\w)|`[^`\n]*`/g, '"…"')
    .replaceAll(/\b0x[0-9a-f]+\b|\b(?=[0-9a-z-]*\d)[0-9a-z]+(?:-[0-9a-z]+)*\b/gi, "…")
    .replaceAll(/…(?:[.,:/]…)+/g, "…")
    .replaceAll(/\s+/g, " ")
    .trim()
    .slice(0, maxChars);
}
