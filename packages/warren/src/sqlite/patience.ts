import { type Clock, delay } from "../time.ts";

/** Runs what another process may be in the way of: again until it works, for so long. */
export type Patience = <T>(work: () => T) => Promise<T>;

const pauseMs = 2;

/** In place of SQLite's own waiting, which would hold up the whole process. */
export function patience(timeoutMs: number, clock: Clock): Patience {
  return async (work) => {
    const until = clock.now() + timeoutMs;
    for (;;) {
      try {
        return work();
      } catch (error) {
        if (!isBusy(error)) throw error;
        if (clock.now() >= until)
          throw new Error(
            `Another process has been writing to the SQLite database for ${timeoutMs} ms, and still does.`,
            { cause: error },
          );
        await delay(clock, pauseMs);
      }
    }
  };
}

function isBusy(error: unknown): boolean {
  // SQLITE_BUSY with whatever extension.
  return ((error as { errcode?: number }).errcode ?? 0) % 256 === 5;
}
