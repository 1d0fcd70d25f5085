import { checkRetry, type RetryPolicy } from "../retry/policy.ts";
import { wholeNumber } from "../whole-number.ts";
import { cronTimes } from "./times.ts";

/** One time of a schedule. */
export interface Tick {
  /** The time as the schedule says it, in milliseconds since the Unix epoch; it may begin later. */
  readonly at: number;
  /**
   * How many times before it were not done, since the last one that was: nobody was running then, or it failed to its
   * last try. 0 as a rule, 1,000 at the most.
   */
  readonly missed: number;
}

/** What a service does at certain times: once for each time, however many instances it has. */
export interface Schedule<X> {
  /**
   * When: minute, hour, day of the month, month, day of the week, such as `"0 3 * * *"` for three o'clock each night. With
   * six fields the first is the second; `@daily` and its like work too.
   */
  readonly cron: string;
  /** In which the times are meant, such as `"Europe/Berlin"`. @default "UTC" */
  readonly timeZone?: string;
  /**
   * Runs in a transaction of the service's store, as a reaction does. It is tried again when it fails or its process dies,
   * with the same conversation, until `retry` gives it up or the next time has come. Runs of one schedule never overlap
   * in what they change; one that takes longer than the next time is awaited.
   */
  run(tick: Tick, context: X): unknown;
  /**
   * What becomes of times that passed while no instance was running. `run`: one run for the latest of them. `skip`: none,
   * where nobody could begin within a minute. @default "run"
   */
  readonly ifMissed?: "run" | "skip";
  /** When it fails. @default the service's `retry` */
  readonly retry?: RetryPolicy;
  /** How long a run may take, in milliseconds, before its signal is aborted and it counts as failed. @default 600_000 */
  readonly timeoutMs?: number;
}

export const defaultRunTimeoutMs = 600_000;

/** @throws TypeError naming what is wrong with which schedule of the service */
export function checkSchedules(
  service: string,
  { schedules, store }: { readonly schedules?: unknown; readonly store?: unknown },
): void {
  const all = Object.entries((schedules ?? {}) as Readonly<Record<string, Schedule<any>>>);
  if (all.length > 0 && store === undefined)
    throw new TypeError(
      `Service "${service}" has schedules and no \`store\`: it is there that the service knows which times are done.`,
    );
  for (const [name, schedule] of all) {
    const whose = `Service "${service}", schedule "${name}"`;
    if (!/^[a-zA-Z][a-zA-Z0-9_]{0,62}$/.test(name))
      throw new TypeError(`${whose}: use letters, digits and "_" for its name.`);
    if (typeof schedule?.run !== "function") throw new TypeError(`${whose} has no function \`run\`.`);
    cronTimes(whose, schedule.cron, schedule.timeZone);
    if (schedule.ifMissed !== undefined && schedule.ifMissed !== "run" && schedule.ifMissed !== "skip")
      throw new TypeError(`${whose}: ifMissed is "${String(schedule.ifMissed)}"; use "run" or "skip".`);
    checkRetry(whose, schedule.retry);
    wholeNumber(`${whose}: timeoutMs`, schedule.timeoutMs, defaultRunTimeoutMs);
  }
}
