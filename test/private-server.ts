import { spawn } from "node:child_process";
import { join } from "node:path";

/**
 * A process that waits for this one to end, by success, failure, Ctrl-C or kill -9, and then runs `warren <what> down
 * --discard`. The result does the same at once.
 */
export function discardAtEnd(what: "broker" | "database", dataDir: string): () => Promise<void> {
  const main = join(import.meta.dirname, "../packages/warren/src/cli/main.ts");
  const down = [process.execPath, main, what, "down", "--discard", "--data", dataDir];
  const guard = spawn("sh", ["-c", 'cat >/dev/null; exec "$@"', "sh", ...down], {
    // A session of its own: Ctrl-C reaches the whole group of this process.
    detached: true,
    stdio: ["pipe", "ignore", "inherit"],
  });
  guard.unref();
  return () =>
    new Promise((resolve, reject) => {
      guard.once("close", (code) =>
        code === 0
          ? resolve()
          : reject(new Error(`The private ${what} in ${dataDir} was not ended (exit code ${code}).`)),
      );
      guard.ref();
      guard.stdin.end();
    });
}
