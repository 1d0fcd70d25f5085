import type { App } from "./application.ts";
import { isFault } from "./fault.ts";
import { delay, type Timer } from "./time.ts";
import { wholeNumber } from "./whole-number.ts";

export interface RunOptions {
  /** Runs before the app stops: for what sends work to it, such as an HTTP server that is to be closed. */
  readonly first?: () => unknown;
  /** Runs when the app has stopped: for what its services used, such as a database. */
  readonly last?: () => unknown;
  /**
   * How long everything goes on once `App.health` is no longer ready, before `first`, in milliseconds: until load balancers
   * have noticed. Not after Ctrl-C. @default 0
   */
  readonly retireMs?: number;
  /** How long all of it may take together, in milliseconds. @default 30_000 */
  readonly limitMs?: number;
}

/** What a shell reports of a program that Ctrl-C ended. */
const interrupted = 130;
/** A terminal tells every process of Ctrl-C, and npm tells its own once more: nobody types so fast. */
const echoMs = 300;
/** The longest a timer runs; another takes over. */
const longWaitMs = 2 ** 31 - 1;

/**
 * Keeps the process running until SIGTERM or Ctrl-C. Then `App.health` is not ready at once, `retireMs` pass, `first` runs, the
 * app stops as `App.stop` promises, `last` runs, and the process ends: with code 0, or with 1 where stopping failed or took
 * longer than `limitMs`. What fails with STOPPED meanwhile, such as a `start` in its middle, does not count. A second Ctrl-C
 * ends it at once.
 * Call it once; as the last line of a program, or before `start` where a signal shall end the waiting for a broker too.
 * Never resolves.
 * @throws TypeError for a `limitMs` or `retireMs` that is none
 */
export function runUntilSignal(app: App, options: RunOptions = {}): Promise<never> {
  const limitMs = wholeNumber("runUntilSignal: `limitMs`", options.limitMs, 30_000);
  const retireMs = wholeNumber("runUntilSignal: `retireMs`", options.retireMs, 0, 0, limitMs - 1);
  const { clock, log } = app;
  let since: number | undefined;
  let waiting: Timer;

  // Signal handlers alone do not keep a process alive, and an app on the embedded transport has no socket that does.
  const wait = (): void => {
    waiting = clock.after(longWaitMs, wait);
  };

  async function end(signal: NodeJS.Signals): Promise<void> {
    if (since !== undefined) {
      if (signal === "SIGINT" && clock.now() - since > echoMs) process.exit(interrupted);
      return;
    }
    since = clock.now();
    waiting.cancel();
    app.retire();
    log.info({ signal }, "stopping");
    process.on("uncaughtException", leftOver);
    clock.after(limitMs, () => {
      log.error({ signal, limitMs }, "stopping took too long; the process ends all the same");
      process.exit(1);
    });
    try {
      if (signal === "SIGTERM" && retireMs > 0) await delay(clock, retireMs);
      await options.first?.();
      await app.stop();
      await options.last?.();
      process.exit(0);
    } catch (error) {
      log.error({ err: error }, "stopping failed");
      process.exit(1);
    }
  }

  /** What the program still waited for, such as its `start`, fails since the app stops. That is how it should end. */
  function leftOver(error: unknown): void {
    if (isFault(error) && error.code === "STOPPED") return;
    log.error({ err: error }, "an error that nobody caught while the app was stopping");
    process.exit(1);
  }

  wait();
  process.on("SIGTERM", end);
  process.on("SIGINT", end);
  return new Promise(() => {});
}
