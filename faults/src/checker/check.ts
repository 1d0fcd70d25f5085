import type { Entry } from "../history/entry.ts";
import { type Kept, keptFrom } from "./kept.ts";
import { begunEarly, reordered } from "./order.ts";
import { outageMs, recoveriesMs } from "./pauses.ts";
import type { Verdict } from "./verdict.ts";

/** Kinds of messages that end as dead letters in a system without faults too. */
const doomed: ReadonlySet<string> = new Set([
  "failing",
  "refused",
  "hanging",
  "deadly",
  "blocking",
  "garbage",
]);

/** Judges a run by its histories alone. The order of the entries does not matter; their times do. */
export function check(entries: readonly Entry[]): Verdict {
  const inTime = entries.toSorted((a, b) => a.at - b.at);
  const kept = keptFrom(inTime);
  return {
    attempted: kept.attempted.size,
    acknowledged: kept.acknowledged.size,
    failed: kept.failed,
    delivered: kept.deliveries.size,
    effects: kept.effects.size,
    parked: [...kept.parked.keys()].filter((id) => kept.acknowledged.has(id) && !kept.effects.has(id)).length,
    lost: [...kept.acknowledged].filter((id) => !kept.effects.has(id) && !kept.parked.has(id)),
    unexpected: unexpected(kept),
    dragged: dragged(kept),
    duplicated: kept.duplicated,
    repeatedEffects: sum([...kept.effects.values()].map((sums) => sums.length - 1)),
    reordered: reordered(kept),
    begunEarly: begunEarly(kept),
    faults: inTime.filter((entry) => entry.is === "fault").length,
    outageMs: outageMs(inTime),
    recoveriesMs: recoveriesMs(inTime),
    calls: kept.calls,
    callsFailed: kept.unanswered,
    callsRunTwice: [...kept.runs].filter(([, times]) => times > 1).map(([id]) => id),
    publisherMib: kept.memory.publisher,
    workerMib: kept.memory.worker,
  };
}

function unexpected({ attempted, effects, parked, deliveries }: Kept): string[] {
  const wrong = [...effects].filter(([id, sums]) => {
    const origin = attempted.get(id);
    return origin === undefined || origin.kind === "garbage" || sums.some((sum) => sum !== origin.sum);
  });
  const strangers = [...parked.keys(), ...deliveries.keys()].filter((id) => !attempted.has(id));
  return [...new Set([...wrong.map(([id]) => id), ...strangers])];
}

function dragged({ attempted, parked, effects }: Kept): string[] {
  return [...parked].flatMap(([id, where]) =>
    where.endsWith(".dead") && !effects.has(id) && !doomed.has(attempted.get(id)?.kind ?? "") ? [id] : [],
  );
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
