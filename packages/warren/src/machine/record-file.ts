import { readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** A small file in a data folder that says what was started there. */
export interface RecordFile<T> {
  /** `undefined` when nothing was started there, or it was stopped since. */
  read(dataDir: string): T | undefined;
  /** Replaces it in one step, so that nobody reads half of it. */
  write(dataDir: string, record: T): void;
  remove(dataDir: string): void;
}

/** @param what runs there, for people: `"broker"` */
export function recordFile<T>(what: string): RecordFile<T> {
  const pathIn = (dataDir: string): string => join(dataDir, `${what}.json`);
  return {
    read(dataDir) {
      const path = pathIn(dataDir);
      let text: string;
      try {
        text = readFileSync(path, "utf8");
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
        throw error;
      }
      try {
        return JSON.parse(text) as T;
      } catch (cause) {
        throw new Error(`${path} is not readable as JSON. Delete it once no ${what} of this folder runs.`, {
          cause,
        });
      }
    },
    write(dataDir, record) {
      const path = pathIn(dataDir);
      writeFileSync(`${path}.new`, `${JSON.stringify(record, null, 2)}\n`);
      renameSync(`${path}.new`, path);
    },
    remove: (dataDir) => rmSync(pathIn(dataDir), { force: true }),
  };
}
