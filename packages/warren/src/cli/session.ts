import { existsSync } from "node:fs";
import { join } from "node:path";
import { type DeadLetters, deadLetters, fromEnv, systemClock, type Transport } from "../index.ts";

/** A service waits longer for its broker; a person who mistyped an address should not. */
const connectTimeoutMs = 5_000;

/** What a command works with. */
export interface Session {
  readonly letters: DeadLetters;
  readonly transport: Transport;
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
  // An embedded broker makes the journal that is not there, and has no letters: so a mistyped name would look fine.
  if (!AMQP_URL && WARREN_DATA && !existsSync(join(WARREN_DATA.trim(), "broker.db")))
    throw new Error(
      `No embedded broker has its journal in ${WARREN_DATA}: there is no broker.db. Correct WARREN_DATA.`,
    );
  const stop = new AbortController();
  const interrupt = (): void => {
    if (stop.signal.aborted) process.exit(130);
    stop.abort();
  };
  process.on("SIGINT", interrupt).on("SIGTERM", interrupt);
  let transport: Transport | undefined;
  // Silence says nothing where somebody waits.
  const waiting = systemClock.after(2_000, () => {
    if (transport === undefined || transport.state.publishing) return;
    console.error(
      `The broker does not answer yet; trying for ${connectTimeoutMs / 1_000} seconds (${transport.state.reason ?? "no answer"}) ...`,
    );
  });
  try {
    transport = await fromEnv({ connectTimeoutMs });
    const found = await run({ letters: deadLetters(transport), transport, signal: stop.signal });
    if (stop.signal.aborted) process.exitCode = 130;
    else if (!found) process.exitCode = 1;
  } finally {
    waiting.cancel();
    await transport?.close({ drainMs: 2_000 });
    process.off("SIGINT", interrupt).off("SIGTERM", interrupt);
  }
}
