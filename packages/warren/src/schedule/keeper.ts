import type { Random } from "../id.ts";
import { textOf } from "../retry/error-text.ts";
import { attemptsOf, nextStep, type RetryPolicy } from "../retry/policy.ts";
import type { InvocationScope } from "../service/invocation.ts";
import type { Sql } from "../store.ts";
import type { Clock, Timer } from "../time.ts";
import type { Consumer } from "../transport.ts";
import { leaseMs, type NextDeed, nextDeed } from "./decide.ts";
import type { Tick } from "./schedule.ts";
import type { Standing, StandingRow } from "./standing.ts";
import type { Times } from "./times.ts";

/** One run, as it is handed to whoever runs it. */
export interface Run {
  readonly tick: Tick;
  readonly conversation: string;
  readonly attempt: number;
}

export interface KeptSchedule {
  /** `<service>.<name>`. */
  readonly id: string;
  readonly cron: string;
  readonly timeZone: string;
  readonly times: Times;
  readonly ifMissed: "run" | "skip";
  readonly retry: RetryPolicy;
  /**
   * One try, in a transaction that ends with `last`.
   * @throws what the handler throws, or `last`
   */
  readonly attempt: (run: Run, last: (sql: Sql) => Promise<void>) => Promise<void>;
  /** To be told that a try failed, and another will be made. */
  readonly retried?: () => void;
  /** This process ends, and its handlers with it: that is no failure of theirs. */
  readonly isInterrupted: (error: unknown) => boolean;
}

export interface KeeperOptions {
  readonly schedule: KeptSchedule;
  readonly row: StandingRow;
  readonly scope: Pick<InvocationScope, "instance" | "log">;
  readonly clock: Clock;
  readonly random: Random;
}

/** How long nobody looks at the most: until then a dead instance's run, or a clock that was set, goes unnoticed. */
const lookEveryMs = 15_000;
/** After the database did not answer. */
const againMs = 5_000;
/** A last time so far ahead is no small correction of a clock: some machine's was wrong. */
const wrongClockMs = 86_400_000;

/** The lease of a run ended, and another instance has taken it over or given it up: nothing of this try is kept. */
class TakenOver extends Error {
  constructor(id: string) {
    super(`A run of ${id} is another instance's by now; what this one changed is undone.`);
    this.name = "TakenOver";
  }
}

/** Keeps one schedule in one instance: looks, takes what is due, runs it. Several instances do so beside each other. */
export function keeper({ schedule, row, scope, clock, random }: KeeperOptions): Consumer {
  const { id, cron, timeZone, times, ifMissed, retry } = schedule;
  const { instance, log } = scope;
  const decided = { times, ifMissed, attempts: attemptsOf(retry) };
  let timer: Timer | undefined;
  let isStopped = false;
  let isKnown = false;
  let looking: Promise<void> = Promise.resolve();

  function look(): void {
    timer = undefined;
    looking = step().then(
      (until) => arm(Math.min(lookEveryMs, Math.max(0, until - clock.now()))),
      (err) => {
        log.warn({ err, schedule: id }, "a schedule could not be looked at; trying again");
        arm(againMs);
      },
    );
  }

  function arm(delayMs: number): void {
    if (!isStopped) timer = clock.after(delayMs, look);
  }

  /** @returns when to look again */
  async function step(): Promise<number> {
    if (!isKnown) await makeKnown();
    const standing = await row.read();
    if (standing === undefined) {
      // Somebody emptied the table: it begins anew.
      isKnown = false;
      return clock.now();
    }
    const next = nextDeed(standing, decided, clock.now());
    if (isStopped || next.deed === "wait") return next.deed === "wait" ? next.until : clock.now();
    await act(standing, next);
    return clock.now();
  }

  /** Times before a schedule came to be, or came to be another one, are none of its. */
  async function makeKnown(): Promise<void> {
    const now = clock.now();
    await row.create(cron, timeZone, now);
    const standing = await row.read();
    if (standing !== undefined) {
      const changed = standing.cron !== cron || standing.timeZone !== timeZone;
      const isAhead = standing.passedAt > now + wrongClockMs;
      if (isAhead)
        log.warn(
          { schedule: id, passedAt: new Date(standing.passedAt).toISOString() },
          "a schedule was last run in the future, by a clock that was wrong; it goes on from now",
        );
      const passedAt = isAhead ? now : Math.max(now, standing.passedAt);
      if (changed || isAhead) await row.change(standing, { cron, timeZone, passedAt, doneAt: passedAt });
    }
    isKnown = true;
  }

  async function act(standing: Standing, next: Exclude<NextDeed, { deed: "wait" }>): Promise<void> {
    const isUnderWay = standing.state === "running" || standing.state === "waiting";
    const ended = { state: "failed", endedAt: clock.now(), leasedUntil: 0 } as const;
    if (next.deed === "give-up") {
      const error = `Its process died ${standing.attempt === 1 ? "at its only try" : `at each of its last tries, the last being number ${standing.attempt}`}.`;
      if (await row.take(standing, { ...ended, error })) tellGivenUp(standing, error);
    } else if (next.deed === "pass") {
      const over = isUnderWay ? ended : {};
      if (!(await row.take(standing, { ...over, passedAt: next.at }))) return;
      if (isUnderWay) tellGivenUp(standing, standing.error);
      log.warn({ schedule: id, at: new Date(next.at).toISOString() }, "a time of a schedule was missed");
    } else {
      const change = next.deed === "again" ? sameRun(standing) : newRun(next);
      const version = await row.take(standing, change);
      if (version === undefined) return;
      if (next.deed === "begin" && isUnderWay) tellGivenUp(standing, standing.error);
      await run({ ...standing, ...change, version });
    }
  }

  function sameRun({ attempt }: Standing) {
    return { ...leased(), attempt: attempt + 1 };
  }

  function newRun({ at, missed }: Extract<NextDeed, { deed: "begin" }>) {
    const conversation = `${id}@${new Date(at).toISOString()}`;
    return {
      ...leased(),
      ...{ tickAt: at, missed, conversation, attempt: 1, begunAt: clock.now(), passedAt: at },
      ...{ error: null, endedAt: 0 },
    };
  }

  function leased() {
    return { state: "running", leasedBy: instance, leasedUntil: clock.now() + leaseMs } as const;
  }

  async function run(mine: Standing): Promise<void> {
    const { tickAt, missed, conversation, attempt } = mine;
    const heart = beat(mine.version);
    try {
      await schedule.attempt({ tick: { at: tickAt, missed }, conversation, attempt }, async (sql) => {
        const done = {
          state: "done",
          doneAt: tickAt,
          endedAt: clock.now(),
          leasedUntil: 0,
          error: null,
        } as const;
        if ((await row.change(mine, done, sql)) === undefined) throw new TakenOver(id);
      });
      log.debug({ schedule: id, conversation, attempt }, "a run of a schedule is done");
    } catch (error) {
      await failed(mine, error);
    } finally {
      heart.stop();
    }
  }

  /** Without it a run that takes longer than a lease would be taken for dead. */
  function beat(version: number): { stop(): void } {
    let isOver = false;
    let next: Timer;
    const again = (): void => {
      next = clock.after(leaseMs / 3, () => {
        row.renew(version, clock.now() + leaseMs).then(
          () => isOver || again(),
          (err) => {
            log.warn({ err, schedule: id }, "the lease of a run could not be renewed");
            if (!isOver) again();
          },
        );
      });
    };
    again();
    return {
      stop() {
        isOver = true;
        next.cancel();
      },
    };
  }

  async function failed(mine: Standing, thrown: unknown): Promise<void> {
    const { conversation, attempt } = mine;
    if (thrown instanceof TakenOver) return log.warn({ schedule: id, conversation, attempt }, thrown.message);
    const now = clock.now();
    if (schedule.isInterrupted(thrown)) {
      await row.change(mine, { state: "waiting", dueAt: now, leasedUntil: 0, attempt: attempt - 1 });
      return;
    }
    const next = nextStep(retry, attempt, thrown, random);
    if (next.step === "give-up") {
      const error = textOf(next.error);
      const ended = { state: "failed", endedAt: now, leasedUntil: 0, error } as const;
      if (await row.change(mine, ended)) tellGivenUp(mine, next.error);
      return;
    }
    const retryInMs = Math.ceil(next.delayMs);
    const waiting = {
      state: "waiting",
      dueAt: now + retryInMs,
      leasedUntil: 0,
      error: textOf(thrown),
    } as const;
    if (!(await row.change(mine, waiting))) return;
    schedule.retried?.();
    log.warn(
      { err: thrown, schedule: id, conversation, attempt, retryInMs },
      "a run of a schedule failed and will be tried again",
    );
  }

  function tellGivenUp({ conversation, attempt, tickAt }: Standing, err: unknown): void {
    log.error(
      { err, schedule: id, at: new Date(tickAt).toISOString(), conversation, attempt },
      "a run of a schedule was given up",
    );
  }

  look();
  return {
    async stop() {
      isStopped = true;
      timer?.cancel();
      await looking;
    },
  };
}
