import type { ChildProcess } from "node:child_process";
import { identify, type ProcessIdentity } from "./process.ts";

/** A process that this one started. */
export interface Watched {
  /** How it ended, or `undefined` while it runs. */
  ended(): string | undefined;
  /** Throws when it could not be started or ended at once. */
  identity(): ProcessIdentity;
}

export function watch(child: ChildProcess): Watched {
  let end: string | undefined;
  const identity = child.pid === undefined ? undefined : identify(child.pid);
  child.once("error", (error) => {
    end = error.message;
  });
  child.once("exit", (code, signal) => {
    end = signal ?? `exit code ${code}`;
  });
  return {
    ended: () => end,
    identity() {
      if (identity === undefined)
        throw new Error(`${child.spawnfile} could not be started (${end ?? "no process"}).`);
      return identity;
    },
  };
}
