import { registerHooks } from "node:module";
import { pathToFileURL } from "node:url";
import { mutants } from "./catalog.ts";
import { type Edit, edited, pathOf } from "./mutant.ts";

// Given to Node by --import before the program of a process: edits Warren's sources as they are loaded.

const name = process.env.WARREN_MUTANT;
const mutant = mutants.find((one) => one.name === name);
if (mutant === undefined) throw new Error(`There is no mutant "${name}".`);

const byUrl = new Map<string, Edit[]>();
for (const edit of mutant.edits) {
  const url = pathToFileURL(pathOf(edit)).href;
  byUrl.set(url, [...(byUrl.get(url) ?? []), edit]);
}

registerHooks({
  load(url, context, nextLoad) {
    const loaded = nextLoad(url, context);
    const edits = byUrl.get(url);
    if (edits === undefined || loaded.source === undefined || loaded.source === null) return loaded;
    const text =
      typeof loaded.source === "string"
        ? loaded.source
        : Buffer.from(loaded.source as Uint8Array).toString("utf8");
    return { ...loaded, source: edits.reduce(edited, text) };
  },
});
