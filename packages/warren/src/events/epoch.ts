import { type Clock, type Timer } from "../time.ts";

/**
 * The time in which the messages in hand are this process's to settle: until the broker has taken them back, or this
 * consumer is to stop.
 */
export interface Epoch {
  readonly over: boolean;
  /** Resolves after `delayMs`, or when the epoch is over, if that is sooner. */
  delay(clock: Clock, delayMs: number): Promise<void>;
  end(): void;
}

export function epoch(): Epoch {
  const waiting = new Set<() => void>();
  let over = false;
  return {
    get over() {
      return over;
    },
    delay(clock, delayMs) {
      if (over) return Promise.resolve();
      return new Promise((resolve) => {
        const timer: Timer = clock.after(delayMs, done);
        function done(): void {
          timer.cancel();
          waiting.delete(done);
          resolve();
        }
        waiting.add(done);
      });
    },
    end() {
      over = true;
      for (const done of [...waiting]) done();
    },
  };
}
