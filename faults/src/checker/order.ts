import type { Kept } from "./kept.ts";

/** In the order of their first deliveries, messages of one publisher and key that a later one had overtaken. */
export function reordered({ attempted, deliveries }: Kept): number {
  const furthest = new Map<string, number>();
  let count = 0;
  for (const id of deliveries.keys()) {
    const origin = attempted.get(id);
    if (origin === undefined) continue;
    const line = lineOf(id, origin.key);
    const last = furthest.get(line) ?? -1;
    if (origin.n < last) count++;
    else furthest.set(line, origin.n);
  }
  return count;
}

/**
 * Messages that were handed to a reaction before an earlier one of their publisher and key had its first effect. Those
 * that never had one were given up, and hold up nobody; those without an acknowledgement may arrive whenever they like.
 */
export function begunEarly({ attempted, acknowledged, firsts }: Kept): string[] {
  /** By line, when the last of its first effects was. */
  const doneAt = new Map<string, number>();
  const early: string[] = [];
  const inOrder = [...attempted].toSorted(([, a], [, b]) => a.n - b.n);
  for (const [id, { key }] of inOrder) {
    if (!acknowledged.has(id)) continue;
    const line = lineOf(id, key);
    const before = doneAt.get(line) ?? 0;
    if ((firsts.delivery.get(id) ?? before) < before) early.push(id);
    doneAt.set(line, Math.max(before, firsts.effect.get(id) ?? 0));
  }
  return early;
}

function lineOf(id: string, key: string): string {
  return `${id.slice(0, id.lastIndexOf(":"))} ${key}`;
}
