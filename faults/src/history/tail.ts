import { closeSync, openSync, readdirSync, readSync, statSync } from "node:fs";
import { join } from "node:path";
import type { Entry } from "./entry.ts";

/** Reads what the processes of a run write, while they write it. */
export interface Tail {
  /** The lines that came since the last time, of all files; those of one file in their order. */
  next(): Entry[];
}

export function tail(folder: string): Tail {
  /** How far each file was read, and the bytes of a line whose end was not there yet. */
  const files = new Map<string, { offset: number; rest: string }>();

  function read(name: string): string[] {
    const known = files.get(name) ?? { offset: 0, rest: "" };
    const path = join(folder, name);
    const bytes = statSync(path).size - known.offset;
    if (bytes === 0) return [];
    const buffer = Buffer.allocUnsafe(bytes);
    const file = openSync(path, "r");
    const count = readSync(file, buffer, 0, bytes, known.offset);
    closeSync(file);
    // Everything in a history is ASCII, so a read never ends within a character.
    const lines = (known.rest + buffer.toString("latin1", 0, count)).split("\n");
    files.set(name, { offset: known.offset + count, rest: lines.pop()! });
    return lines;
  }

  return {
    next: () =>
      readdirSync(folder)
        .filter((name) => name.endsWith(".jsonl"))
        .toSorted()
        .flatMap(read)
        .map((line) => JSON.parse(line) as Entry),
  };
}
