import { spawn } from "node:child_process";
import { join } from "node:path";

/**
 * A process that waits for this one to end, by success, failure, Ctrl-C or kill -9, and then ends the nodes in this
 * folder and deletes it. The result does the same at once.
 */
export function discardAtEnd(dataDir: string): () => Promise<void> {
  const discard = [process.execPath, join(import.meta.dirname, "discard.ts"), dataDir];
  const guard = spawn("sh", ["-c", 'cat >/dev/null; exec "$@"', "sh", ...discard], {
    // A session of its own: Ctrl-C reaches the whole group of this process.
    detached: true,
    stdio: ["pipe", "ignore", "inherit"],
  });
  guard.unref();
  const ended = new Promise<number | string | null>((resolve) => {
    guard.once("error", (error) => resolve(error.message));
    guard.once("close", (code, signal) => resolve(signal ?? code));
  });
  return async () => {
    guard.ref();
    guard.stdin.end();
    const how = await ended;
    if (how !== 0) throw new Error(`The RabbitMQ nodes in ${dataDir} were not ended (${how}).`);
  };
}
