import { open } from "node:fs/promises";
import type { DeadLetter } from "../../index.ts";
import { inSession } from "../session.ts";
import { terminalJson } from "../text.ts";
import { type FilterOptions, filterOf } from "./filter.ts";
import { asJson } from "./letter-text.ts";
import { counted } from "./list.ts";

interface ExportOptions extends FilterOptions {
  readonly to?: string;
}

export function exportLetters(options: ExportOptions): Promise<void> {
  return inSession(async ({ letters, signal }) => {
    const { letters: found, looked, total } = await letters.list(filterOf(options), { signal });
    const line = async (letter: DeadLetter): Promise<string> => `${terminalJson(await asJson(letter))}\n`;
    if (options.to === undefined) for (const letter of found) process.stdout.write(await line(letter));
    else {
      const file = await open(options.to, "wx", 0o600).catch(refused);
      try {
        for (const letter of found) await file.write(await line(letter));
      } finally {
        await file.close();
      }
    }
    // To stderr: stdout may be the export.
    console.error(`${counted(found.length)} written${options.to === undefined ? "" : ` to ${options.to}`}.`);
    if (looked < total)
      console.error(
        `Looked at ${looked} of ${total}, the oldest; decide those and export again for the rest.`,
      );
    return found.length > 0;
  });
}

/** An earlier export may be all that is left of letters that were discarded since. */
function refused(error: NodeJS.ErrnoException): never {
  if (error.code !== "EEXIST") throw error;
  throw new Error(`${error.path} is there already, and nothing was written. Give the name of a new file.`);
}
