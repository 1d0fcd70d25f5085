import { Cron } from "croner";

/** The times of a cron expression, in milliseconds since the Unix epoch. Works them out and starts no timer. */
export interface Times {
  /** The first one after `at`; `undefined` where there is none any more. */
  next(at: number): number | undefined;
  /** The last one up to `at`, that moment included. */
  latest(at: number): number | undefined;
  /** How many lie between the two, both excluded; at most 1,000 are counted. */
  between(after: number, before: number): number;
}

const maxCounted = 1_000;

/**
 * Five fields (minute, hour, day of the month, month, day of the week), or six with seconds before them, or `@daily` and
 * its like. Where clocks go forward, a fixed time that does not exist comes as soon as they have; where they go back, one
 * that exists twice comes the first time. An expression with a `*` or a step in its hours, minutes or seconds names
 * intervals instead, which go on evenly.
 * @throws TypeError for what is none, has no time ever, or is in no time zone that this machine knows
 */
export function cronTimes(whose: string, cron: unknown, timeZone: unknown = "UTC"): Times {
  if (typeof timeZone !== "string" || !isTimeZone(timeZone))
    throw new TypeError(
      `${whose}: there is no time zone "${String(timeZone)}"; use one like "Europe/Berlin".`,
    );
  const job = jobOf(whose, cron, timeZone);
  const next = (at: number): number | undefined => job.nextRun(new Date(at))?.getTime();
  if (next(0) === undefined)
    throw new TypeError(`${whose}: the cron expression "${String(cron)}" never has a time.`);
  return {
    next,
    // A millisecond later, as what is asked for is before the time given.
    latest: (at) => job.previousRuns(1, new Date(at + 1))[0]?.getTime(),
    between(after, before) {
      let count = 0;
      for (let at = next(after); at !== undefined && at < before && count < maxCounted; at = next(at))
        count++;
      return count;
    },
  };
}

function jobOf(whose: string, cron: unknown, timeZone: string): Cron {
  if (typeof cron !== "string" || !isPattern(cron))
    throw new TypeError(
      `${whose}: cron is ${JSON.stringify(cron)}; use five fields, such as "0 3 * * *", or six with seconds first.`,
    );
  try {
    // Without a function to call it is a calculator: it neither starts a timer nor reads a clock.
    return new Cron(cron.trim(), { timezone: timeZone, mode: "5-or-6-parts", fixedTimeRule: "no-wildcard" });
  } catch (cause) {
    const reason = (cause as Error).message.replace(/^CronPattern: /, "");
    throw new TypeError(`${whose}: the cron expression "${cron}" is not valid: ${reason}`, { cause });
  }
}

/** Apart from dates, which the library takes for a time of their own. */
function isPattern(cron: string): boolean {
  return cron.trim().startsWith("@") || cron.trim().split(/\s+/).length >= 5;
}

function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat("en", { timeZone: name });
    return true;
  } catch {
    return false;
  }
}
