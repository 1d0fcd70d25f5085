import { type DeadLetters, deadLetters, fromEnv, type Transport } from "../../index.ts";

/** What a command works with. */
export interface Session {
  readonly letters: DeadLetters;
  /** Ctrl-C: end between two letters. */
  readonly signal: AbortSignal;
}

/**
 * Connects as the environment says, runs a command, and disconnects. The first Ctrl-C ends it between two letters, the
 * second at once; what it held is back in its queue either way.
 * @throws Error when the environment names no broker
 */
export async function inSession(run: (session: Session) => Promise<boolean>): Promise<void> {
  const { AMQP_URL, WARREN_DATA } = process.env;
  if (!AMQP_URL && !WARREN_DATA)
    throw new Error(
      "No broker is named. Set AMQP_URL, such as amqp://user:password@host:5672, or WARREN_DATA to the folder of an embedded broker.",
    );
  const stop = new AbortController();
  const interrupt = (): void => {
    if (stop.signal.aborted) process.exit(130);
    stop.abort();
  };
  process.on("SIGINT", interrupt).on("SIGTERM", interrupt);
  let transport: Transport | undefined;
  try {
    transport = await fromEnv();
    const found = await run({ letters: deadLetters(transport), signal: stop.signal });
    if (stop.signal.aborted) process.exitCode = 130;
    else if (!found) process.exitCode = 1;
  } finally {
    await transport?.close({ drainMs: 2_000 });
    process.off("SIGINT", interrupt).off("SIGTERM", interrupt);
  }
}
