import type { Entry } from "../history/entry.ts";

/** The longest time without an effect, from the first effect to the last attempt or effect. Entries in order of time. */
export function outageMs(entries: readonly Entry[]): number {
  let last: number | undefined;
  let longest = 0;
  for (const { is, at } of entries) {
    if (last !== undefined && (is === "effect" || is === "attempted")) longest = Math.max(longest, at - last);
    if (is === "effect") last = at;
  }
  return Math.round(longest);
}

/** From the end of each fault to the next effect, by size. A fault after which nothing had an effect any more has none. */
export function recoveriesMs(entries: readonly Entry[]): number[] {
  const waits: number[] = [];
  let since: number[] = [];
  for (const { is, at } of entries) {
    if (is === "healed") since.push(at);
    else if (is === "effect") {
      for (const healed of since) waits.push(Math.round(at - healed));
      since = [];
    }
  }
  return waits.toSorted((a, b) => a - b);
}
