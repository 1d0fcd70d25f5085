import { close, fdatasync, fsyncSync, openSync } from "node:fs";
import { dirname } from "node:path";
import { promisify } from "node:util";
import { OutcomeUnknown } from "../store.ts";

/** Where committed transactions go in the end. */
export interface Disk {
  /**
   * Resolves when all that was committed before this call is on disk.
   * @throws OutcomeUnknown where the disk fails
   */
  synced(): Promise<void>;
  /** @throws Error once the disk has failed: what it says afterwards is not to be trusted */
  check(): void;
  close(): Promise<void>;
}

/** Of a database that has no file. */
export const noDisk: Disk = { synced: async () => {}, check: () => {}, close: async () => {} };

/**
 * The log of an SQLite database (`synchronous = normal`: SQLite writes each commit into it, and asks the disk only before
 * it moves the log's content into the file). One request to the disk stands for all commits before it, and does not hold up
 * this process.
 */
export function logOnDisk(file: string, sync: (log: number) => Promise<void> = promisify(fdatasync)): Disk {
  const log = openSync(`${file}-wal`, "r+");
  // The log may be new, and its name not on disk yet.
  syncFolder(dirname(file));
  let running: Promise<void> | undefined;
  let queued: Promise<void> | undefined;
  let failure: unknown;

  function start(): Promise<void> {
    running = sync(log)
      .catch((error: unknown) => {
        failure ??= error;
      })
      .then(() => {
        running = undefined;
        if (failure !== undefined) throw new OutcomeUnknown(file, failure);
      });
    return running;
  }

  return {
    synced() {
      if (running === undefined) return start();
      // The one under way began before this commit, maybe.
      queued ??= running
        .catch(() => {})
        .then(() => {
          queued = undefined;
          return start();
        });
      return queued;
    },
    check() {
      if (failure !== undefined)
        throw new Error(
          `The disk failed to keep what was written to ${file}. Look after the disk, then start this process anew.`,
          { cause: failure },
        );
    },
    close: () => promisify(close)(log),
  };
}

function syncFolder(folder: string): void {
  const opened = openSync(folder, "r");
  try {
    fsyncSync(opened);
  } finally {
    close(opened);
  }
}
