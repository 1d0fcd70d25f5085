import { type Decision, type DecisionOptions, names } from "../../index.ts";
import { oneLine } from "../table.ts";
import { counted } from "./list.ts";

/** How many letters, or kinds of them, are named one by one. */
const maxNamed = 20;

/** Prints what was decided. `done` is "replayed". */
export function report(decision: Decision, done: string): void {
  tellMissing(decision);
  if (isNothing(decision)) console.log("No dead letter matches.");
  else console.log(`${counted(decision.done)} ${done}.`);
  if (done === "replayed") printLines(lines(decision, placeOf));
  printRest(decision, "stayed");
}

/** Prints what would be decided, by service and reason. `would` is "Would replay". */
export function rehearsal(decision: Decision, would: string): void {
  tellMissing(decision);
  if (isNothing(decision)) console.log("No dead letter matches.");
  else console.log(`${would} ${counted(decision.done)}${decision.done > 0 ? ":" : "."}`);
  printKinds(decision, would === "Would replay");
  printRest(decision, "would stay");
}

/** How many letters of which service and reason, and where they go. */
export function printKinds(decision: Decision, withPlace: boolean): void {
  printLines(
    lines(decision, (part) => {
      const kind = `of ${oneLine(part.service)}, ${oneLine(part.reason)}`;
      return withPlace ? `${kind}, ${placeOf(part)}` : kind;
    }),
  );
}

/** Prints what became of letters that were changed and then replayed. */
export function reportEdited(changed: Decision, replayed: Decision): void {
  const places = lines(replayed, placeOf);
  if (replayed.done !== changed.done || replayed.stayed.length > 0 || places.length !== 1) {
    report(changed, "changed");
    report(replayed, "replayed");
    return;
  }
  console.log(`${counted(changed.done)} changed and replayed ${placeOf(replayed.parts[0]!)}.`);
  printRest(replayed, "stayed");
}

type Part = Decision["parts"][number];

function isNothing({ done, stayed }: Decision): boolean {
  return done === 0 && stayed.length === 0;
}

/** An event that nobody heard goes to no queue but to whoever subscribes to it now. */
function placeOf({ service, queue }: Part): string {
  const place = oneLine(queue ?? "");
  return service === names.unheard ? `to all who subscribe to ${place}` : `to ${place}`;
}

function lines({ parts }: Decision, name: (part: Part) => string): string[] {
  const counts = new Map<string, number>();
  for (const part of parts) {
    const named = name(part);
    counts.set(named, (counts.get(named) ?? 0) + part.count);
  }
  return [...counts].map(([named, count]) => `  ${count.toLocaleString("en")} ${named}`);
}

function printLines(all: readonly string[]): void {
  for (const line of all.slice(0, maxNamed)) console.log(line);
  if (all.length > maxNamed) console.log(`  and ${all.length - maxNamed} lines more`);
}

function tellMissing({ missing }: Decision): void {
  for (const id of missing.slice(0, maxNamed)) console.error(`No dead letter has the id ${oneLine(id)}.`);
  if (missing.length > maxNamed) console.error(`  and ${missing.length - maxNamed} more ids`);
}

function printRest({ stayed, unheardAgain, unseen }: Decision, verb: string): void {
  if (unheardAgain > 0)
    console.log(`${counted(unheardAgain)} of them are in warren.unheard again: nobody subscribes to them.`);
  if (unseen > 0) console.log(`${counted(unseen)} were too many to be looked at; run it again for those.`);
  if (stayed.length === 0) return;
  console.error(`${counted(stayed.length)} ${verb}:`);
  for (const { id, service, why } of stayed.slice(0, maxNamed))
    console.error(`  ${oneLine(id)} of ${oneLine(service)}: ${oneLine(why)}`);
  if (stayed.length > maxNamed) console.error(`  and ${stayed.length - maxNamed} more`);
}

/** A line on the terminal that counts along. Nothing where there is no terminal. */
export function progressLine(done: string): {
  tell: NonNullable<DecisionOptions["onProgress"]>;
  end: () => void;
} {
  const { stderr } = process;
  let shown = false;
  return {
    tell(progress) {
      if (!stderr.isTTY) return;
      shown = true;
      stderr.write(`\r${counted(progress.done)} ${done}`);
    },
    end() {
      if (shown) stderr.write("\r\u001b[K");
    },
  };
}
