import type { Standing } from "./standing.ts";
import type { Times } from "./times.ts";

/** What an instance that looks at a schedule now does. */
export type NextDeed =
  /** Look again then, in milliseconds since the Unix epoch, or earlier. */
  | { readonly deed: "wait"; readonly until: number }
  /** Begin the run of a new time; what was under way before is given up. */
  | { readonly deed: "begin"; readonly at: number; readonly missed: number }
  /** Try the run under way once more. */
  | { readonly deed: "again" }
  /** The run's process died at its last try. */
  | { readonly deed: "give-up" }
  /** Nobody was there in time, and the schedule wants none of it. */
  | { readonly deed: "pass"; readonly at: number };

export interface Decided {
  readonly times: Times;
  readonly ifMissed: "run" | "skip";
  readonly attempts: number;
}

/** Without a sign of life for so long, a run counts as dead. */
export const leaseMs = 30_000;
/** From then on nobody was there in time, for schedules that say `skip`. */
const lateAfterMs = 60_000;
/** A time that lies further ahead than anything here puts off was noted before the clock was set back. */
const absurdMs = 2 * leaseMs;
const noTime = Number.POSITIVE_INFINITY;

/** `now` in milliseconds since the Unix epoch. */
export function nextDeed(standing: Standing, { times, ifMissed, attempts }: Decided, now: number): NextDeed {
  const { state, passedAt, doneAt, leasedUntil, attempt, dueAt } = standing;
  if (state === "running" && leasedUntil > now && leasedUntil <= now + absurdMs)
    return { deed: "wait", until: leasedUntil };
  const latest = times.latest(now);
  if (latest !== undefined && latest > passedAt) {
    if (ifMissed === "skip" && now - latest > lateAfterMs) return { deed: "pass", at: latest };
    return { deed: "begin", at: latest, missed: times.between(doneAt, latest) };
  }
  if (state === "running" && attempt >= attempts) return { deed: "give-up" };
  if (state === "running" || (state === "waiting" && dueAt <= now)) return { deed: "again" };
  const next = times.next(Math.max(now, passedAt)) ?? noTime;
  return { deed: "wait", until: state === "waiting" ? Math.min(next, dueAt) : next };
}
