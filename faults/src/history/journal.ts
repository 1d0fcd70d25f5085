import { closeSync, openSync, writeSync } from "node:fs";
import { join } from "node:path";
import { type Happening, monotonicMs } from "./entry.ts";

/** The history of one process: a file to which lines are only ever added. */
export interface Journal {
  /** Resolves nothing and waits for nothing: when it returns, the line outlives this process, however that ends. */
  write(happening: Happening, at?: number): void;
  close(): void;
}

/** Opens `<who>.jsonl` in the folder of a run. Each line is one synchronous write, so lines are never torn by a kill. */
export function journal(folder: string, who: string): Journal {
  const file = openSync(join(folder, `${who}.jsonl`), "a");
  return {
    write(happening, at = monotonicMs()) {
      writeSync(file, `${JSON.stringify({ at, ...happening })}\n`);
    },
    close() {
      closeSync(file);
    },
  };
}
