/** What a shell reports of a program that Ctrl-C ended. */
const interrupted = 130;

/**
 * Ends the process with code 0 once `stop` is done, on SIGTERM and on Ctrl-C; with code 1 when that fails or takes longer
 * than `limitMs`. A second Ctrl-C ends it at once. Errors that nobody caught are logged and end it too: what state they
 * left behind is not known.
 */
export function endOnSignals(
  stop: () => Promise<void>,
  limitMs: number,
  complain: (error: unknown, message: string) => void,
): void {
  let stopping = false;
  const end = async (signal: string): Promise<void> => {
    if (stopping) {
      if (signal === "SIGINT") process.exit(interrupted);
      return;
    }
    stopping = true;
    setTimeout(() => {
      complain(undefined, `not done ${limitMs / 1000} s after ${signal}: giving up`);
      process.exit(1);
    }, limitMs).unref();
    try {
      await stop();
      process.exit(0);
    } catch (error) {
      complain(error, "stopping failed");
      process.exit(1);
    }
  };
  process.on("SIGTERM", end);
  process.on("SIGINT", end);
  process.on("uncaughtException", (error) => {
    complain(error, "an error that nobody caught");
    process.exit(1);
  });
}
