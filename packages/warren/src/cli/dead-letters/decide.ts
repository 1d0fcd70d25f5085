import type { Command } from "commander";
import type { DeadLetters, Decision, DecisionOptions, LetterFilter } from "../../index.ts";
import { type FilterOptions, filterOf, isChosen } from "./filter.ts";
import { counted } from "./list.ts";
import { inSession } from "./session.ts";
import { oneLine } from "./table.ts";

interface DecideOptions extends FilterOptions {
  readonly all?: boolean;
  readonly rate?: number;
  readonly dryRun?: boolean;
}

export function replay(ids: readonly string[], options: DecideOptions, command: Command): Promise<void> {
  const { rate } = options;
  return decided(ids, options, command, ["replayed", "Would replay"], (letters, filter, how) =>
    letters.replay(filter, { ...how, perSecond: rate }),
  );
}

export function discard(ids: readonly string[], options: DecideOptions, command: Command): Promise<void> {
  return decided(ids, options, command, ["discarded", "Would discard"], (letters, filter, how) =>
    letters.discard(filter, how),
  );
}

function decided(
  ids: readonly string[],
  options: DecideOptions,
  command: Command,
  [done, would]: readonly [string, string],
  decide: (letters: DeadLetters, filter: LetterFilter, how: DecisionOptions) => Promise<Decision>,
): Promise<void> {
  const filter = filterOf(options, ids);
  if (!isChosen(filter) && options.all !== true)
    command.error(`error: name letters by their ids or a filter such as --service, or say --all.`, {
      exitCode: 2,
    });
  if (isChosen(filter) && options.all === true)
    command.error(`error: --all means every letter; leave it out to ${command.name()} those of the filter.`, {
      exitCode: 2,
    });
  const { dryRun } = options;
  return inSession(async ({ letters, signal }) => {
    const progress = progressLine(done);
    const decision = await decide(letters, filter, { dryRun, signal, onProgress: progress.tell }).finally(
      progress.end,
    );
    report(decision, dryRun === true ? would : done, dryRun === true);
    if (signal.aborted) console.error("Interrupted; the rest is where it was.");
    const { done: count, stayed, missing } = decision;
    return count > 0 && stayed.length === 0 && missing.length === 0;
  });
}

/** How many letters are named one by one. */
const maxNamed = 20;

/** Prints what was decided. `what` is "replayed", or "Would replay" in a dry run. */
export function report(decision: Decision, what: string, dryRun: boolean): void {
  const { done, stayed, missing, queues, unheardAgain, unseen } = decision;
  for (const id of missing.slice(0, maxNamed)) console.error(`No dead letter has the id ${oneLine(id)}.`);
  if (done === 0 && stayed.length === 0) console.log("No dead letter matches.");
  else console.log(dryRun ? `${what} ${counted(done)}.` : `${counted(done)} ${what}.`);
  if (!what.includes("discard"))
    for (const { queue, count } of queues)
      console.log(`  ${count.toLocaleString("en")} to ${oneLine(queue)}`);
  if (unheardAgain > 0)
    console.log(`${counted(unheardAgain)} of them are in warren.unheard again: nobody subscribes to them.`);
  if (unseen > 0) console.log(`${counted(unseen)} were too many to be looked at; run it again for those.`);
  if (stayed.length === 0) return;
  console.error(`${counted(stayed.length)} ${dryRun ? "would stay" : "stayed"}:`);
  for (const { id, service, why } of stayed.slice(0, maxNamed))
    console.error(`  ${oneLine(id)} of ${oneLine(service)}: ${oneLine(why)}`);
  if (stayed.length > maxNamed) console.error(`  and ${stayed.length - maxNamed} more`);
}

/** A line on the terminal that counts along. Nothing where there is no terminal. */
function progressLine(done: string): { tell: NonNullable<DecisionOptions["onProgress"]>; end: () => void } {
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
