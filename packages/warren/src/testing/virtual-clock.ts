import { type Clock, systemClock } from "../time.ts";

/** A clock that stands still until it is told how much time has passed. */
export interface VirtualClock extends Clock {
  /**
   * Lets `ms` milliseconds pass: runs the timers due in that time in their order, each at its own time, and before,
   * between and after them whatever promises and `soon` work there is. What waits for the real world (sockets, files)
   * is not waited for.
   * @throws Error when work at one instant brings up work without end
   */
  advance(ms: number): Promise<void>;
}

interface Due {
  readonly at: number;
  readonly run: () => void;
}

/** How many rounds of work one instant may take. Code that is still busy then is going round in circles. */
const maxRounds = 100_000;

/**
 * A clock for tests: timers run only in `advance`, while `soon` work runs by itself as always, since no time passes for
 * it. Starts at `startMs`, milliseconds since the Unix epoch.
 * @default startMs 1,700,000,000,000
 */
export function virtualClock(startMs = 1_700_000_000_000): VirtualClock {
  let now = startMs;
  let soonRunning = 0;
  let advancing = Promise.resolve();
  // In order of time, and of being asked for at the same time.
  const timers: Due[] = [];

  const rest = async (): Promise<void> => {
    for (let round = 0; round < maxRounds; round++) {
      // A turn of the event loop runs every promise that can go on.
      await new Promise<void>((resolve) => systemClock.soon(resolve));
      if (soonRunning === 0) return;
    }
    throw new Error(`The work at ${now} does not come to rest: ${maxRounds} rounds of it brought up more.`);
  };

  const pass = async (ms: number): Promise<void> => {
    const until = now + ms;
    await rest();
    for (let next = timers[0]; next !== undefined && next.at <= until; next = timers[0]) {
      timers.shift();
      now = next.at;
      next.run();
      await rest();
    }
    now = until;
  };

  return {
    now: () => now,
    after(delayMs, run) {
      const due: Due = { at: now + Math.max(0, delayMs), run };
      timers.splice(timers.findLastIndex((timer) => timer.at <= due.at) + 1, 0, due);
      return {
        cancel() {
          const index = timers.indexOf(due);
          if (index >= 0) timers.splice(index, 1);
        },
      };
    },
    soon(run) {
      soonRunning++;
      systemClock.soon(() => {
        soonRunning--;
        run();
      });
    },
    advance(ms) {
      // One after the other, where a test does not wait for the first: time cannot pass twice at once.
      const passed = advancing.then(() => pass(ms));
      advancing = passed.catch(() => undefined);
      return passed;
    },
  };
}
