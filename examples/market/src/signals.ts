/** What a shell reports of a program that Ctrl-C ended. */
const interrupted = 130;

/** A terminal tells every process of Ctrl-C, and npm tells its own once more: nobody types so fast, in milliseconds. */
const echoMs = 300;

/**
 * Ends the process with code 0 once `stop` is done, on SIGTERM and on Ctrl-C; with code 1 when that fails or takes longer
 * than `limitMs`. A second Ctrl-C ends it at once. Errors that nobody caught are complained about and end it too: what
 * state they left behind is not known.
 * @returns whether the end has begun
 */
export function endOnSignals(
  stop: () => Promise<void>,
  limitMs: number,
  complain: (error: unknown, message: string) => void,
): () => boolean {
  let stoppingSince: number | undefined;
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    const now = performance.now();
    if (stoppingSince !== undefined) {
      if (signal === "SIGINT" && now - stoppingSince > echoMs) process.exit(interrupted);
      return;
    }
    stoppingSince = now;
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
  return () => stoppingSince !== undefined;
}
