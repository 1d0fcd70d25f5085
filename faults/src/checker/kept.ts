import type { Entry } from "../history/entry.ts";

/** The entries of a run by what they are about. */
export interface Kept {
  readonly attempted: Map<
    string,
    { readonly n: number; readonly key: string; readonly kind: string; readonly sum: number }
  >;
  readonly acknowledged: Set<string>;
  /** By message, in the order of the first deliveries; the attempts that were delivered. */
  readonly deliveries: Map<string, Set<number>>;
  /** By message, the checksums that were found. */
  readonly effects: Map<string, number[]>;
  /** When a message was first delivered, and had its first effect. */
  readonly firsts: { readonly delivery: Map<string, number>; readonly effect: Map<string, number> };
  /** By message, where it waits. */
  readonly parked: Map<string, string>;
  readonly unanswered: string[];
  readonly runs: Map<string, number>;
  readonly memory: { publisher: number; worker: number };
  failed: number;
  duplicated: number;
  calls: number;
}

/** Takes the entries in the order of their times. */
export function keptFrom(entries: readonly Entry[]): Kept {
  const kept: Kept = {
    attempted: new Map(),
    acknowledged: new Set(),
    deliveries: new Map(),
    effects: new Map(),
    firsts: { delivery: new Map(), effect: new Map() },
    parked: new Map(),
    unanswered: [],
    runs: new Map(),
    memory: { publisher: 0, worker: 0 },
    failed: 0,
    duplicated: 0,
    calls: 0,
  };
  for (const entry of entries) keep(kept, entry);
  return kept;
}

function keep(kept: Kept, entry: Entry): void {
  switch (entry.is) {
    case "attempted":
      return void kept.attempted.set(entry.id, entry);
    case "acknowledged":
      return void kept.acknowledged.add(entry.id);
    case "failed":
      kept.failed++;
      return;
    case "delivered":
      first(kept.firsts.delivery, entry);
      return delivered(kept, entry.id, entry.attempt);
    case "effect":
      first(kept.firsts.effect, entry);
      return push(kept.effects, entry.id, entry.sum);
    case "parked":
      return void kept.parked.set(entry.id, entry.where);
    case "called":
      kept.calls++;
      return;
    case "unanswered":
      return void kept.unanswered.push(`${entry.id} (${entry.why})`);
    case "ran":
      return void kept.runs.set(entry.id, (kept.runs.get(entry.id) ?? 0) + 1);
    case "memory":
      kept.memory[entry.role] = Math.max(kept.memory[entry.role], entry.mib);
      return;
    default:
      return;
  }
}

function delivered(kept: Kept, id: string, attempt: number): void {
  const before = kept.deliveries.get(id);
  if (before === undefined) kept.deliveries.set(id, new Set([attempt]));
  else if (before.has(attempt)) kept.duplicated++;
  else before.add(attempt);
}

function first(times: Map<string, number>, { id, at }: { readonly id: string; readonly at: number }): void {
  if (!times.has(id)) times.set(id, at);
}

function push(into: Map<string, number[]>, id: string, value: number): void {
  const values = into.get(id);
  if (values === undefined) into.set(id, [value]);
  else values.push(value);
}
