/**
 * The seam for time. Nothing else in Warren reads a clock or starts a timer, so that tests and simulations can
 * run hours in milliseconds and repeat them exactly.
 */
export interface Clock {
  /** Milliseconds since the Unix epoch. */
  now(): number;
  /**
   * Milliseconds since some moment, as timers count them: it does not jump when somebody sets the machine's time.
   * @default `now`
   */
  steady?(): number;
  /** Runs once after `delayMs` milliseconds. */
  after(delayMs: number, run: () => void): Timer;
  /** Runs after the work at hand, before any timer: what `setImmediate` does. */
  soon(run: () => void): void;
}

export interface Timer {
  /** Does nothing when the timer has run or was cancelled. */
  cancel(): void;
}

/** The machine's own time. */
export const systemClock: Clock = {
  now: () => Date.now(),
  steady: () => performance.now(),
  after(delayMs, run) {
    const timeout = setTimeout(run, Math.min(delayMs, longestTimeoutMs));
    return { cancel: () => clearTimeout(timeout) };
  },
  soon(run) {
    setImmediate(run);
  },
};

/** Node turns a longer delay into 1 ms. */
const longestTimeoutMs = 2 ** 31 - 1;

/** Resolves after `delayMs`, or as soon as `signal` is aborted. */
export function delay(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve();
    const done = (): void => {
      timer.cancel();
      signal?.removeEventListener("abort", done);
      resolve();
    };
    const timer = clock.after(delayMs, done);
    signal?.addEventListener("abort", done, { once: true });
  });
}
