import { type DeadLetter, letterBody, systemClock } from "../../index.ts";

/** How long ago, in one short word. */
export function ago(at: number | undefined): string {
  if (at === undefined) return "?";
  const seconds = Math.max(0, Math.floor((systemClock.now() - at) / 1_000));
  if (seconds < 60) return `${seconds}s`;
  if (seconds < 3_600) return `${Math.floor(seconds / 60)}m`;
  if (seconds < 172_800) return `${Math.floor(seconds / 3_600)}h`;
  return `${Math.floor(seconds / 86_400)}d`;
}

export function dateOf(at: number | undefined): string | undefined {
  return at === undefined ? undefined : new Date(at).toISOString();
}

/** A letter as a JSON value: dates in ISO 8601, and the body as `json`, `text` or `base64`. */
export async function asJson({ body, ...letter }: DeadLetter): Promise<object> {
  return {
    ...letter,
    firstFailedAt: dateOf(letter.firstFailedAt),
    failedAt: dateOf(letter.failedAt),
    editedAt: dateOf(letter.editedAt),
    body: await letterBody({ ...letter, body }),
  };
}

/** As JSON that a terminal can be shown: what it would obey, or what would turn the text around, is escaped. */
export function jsonText(value: object & { readonly then?: never }, indent?: number): string {
  return JSON.stringify(value, null, indent).replaceAll(/[^\P{Cc}\n]|\p{Cf}/gu, (character) =>
    [...Array(character.length).keys()]
      .map((at) => `\\u${character.charCodeAt(at).toString(16).padStart(4, "0")}`)
      .join(""),
  );
}
