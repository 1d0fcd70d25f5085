import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const path = join(import.meta.dirname, "../../docs/faults.md");

/** Puts results into the page, between the two comments that mark their place. @throws Error where these are missing */
export function writeToPage(place: "results" | "mutants", text: string): void {
  writeFileSync(path, replaced(readFileSync(path, "utf8"), place, text));
}

export function replaced(page: string, place: string, text: string): string {
  const [begin, end] = [`<!-- ${place}: written by npm run faults -->`, `<!-- end of ${place} -->`];
  const [from, to] = [page.indexOf(begin), page.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`docs/faults.md has no "${begin}" with "${end}" after it.`);
  return `${page.slice(0, from + begin.length)}\n\n${text.trim()}\n\n${page.slice(to)}`;
}
