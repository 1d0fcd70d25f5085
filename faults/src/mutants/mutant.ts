import { readFileSync } from "node:fs";
import { join } from "node:path";

/** Warren with one mistake built in, to show that the suite would notice. */
export interface Mutant {
  readonly name: string;
  /** One line for people. */
  readonly about: string;
  /** The scenario that must report loss, or order that is broken. */
  readonly scenario: string;
  readonly edits: readonly Edit[];
}

/** A change of Warren's source while it is loaded; nothing is written. */
export interface Edit {
  /** Below `packages/warren/src`. */
  readonly file: string;
  /** Occurs exactly once: otherwise the mutant is out of date. */
  readonly find: string;
  readonly replace: string;
}

const source = join(import.meta.dirname, "../../../packages/warren/src");

/** The absolute path of a file that is edited. */
export function pathOf({ file }: Edit): string {
  return join(source, file);
}

/** @throws Error where the text to be replaced is not there, or more than once */
export function edited(text: string, { file, find, replace }: Edit): string {
  const times = text.split(find).length - 1;
  if (times !== 1)
    throw new Error(
      `A mutant replaces a text in ${file} that is there ${times} times instead of once; bring it up to date: ${find}`,
    );
  return text.replace(find, () => replace);
}

/** Tries the edits on the sources as they are now. @throws Error naming the one that does not fit */
export function checkEdits({ edits }: Mutant): void {
  const texts = new Map<string, string>();
  for (const edit of edits) {
    const path = pathOf(edit);
    texts.set(path, edited(texts.get(path) ?? readFileSync(path, "utf8"), edit));
  }
}
