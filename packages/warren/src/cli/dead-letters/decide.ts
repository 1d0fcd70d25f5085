import type { Command } from "commander";
import type { Decision, DecisionOptions, LetterFilter } from "../../index.ts";
import { inSession, type Session } from "../session.ts";
import { consent } from "./consent.ts";
import { type FilterOptions, filterOf, isChosen } from "./filter.ts";
import { counted } from "./list.ts";
import { printKinds, progressLine, rehearsal, report } from "./report.ts";

interface DecideOptions extends FilterOptions {
  readonly all?: boolean;
  readonly rate?: number;
  readonly dryRun?: boolean;
  readonly yes?: boolean;
}

export function replay(ids: readonly string[], options: DecideOptions, command: Command): Promise<void> {
  const filter = chosen(ids, options, command);
  const { rate: perSecond, dryRun } = options;
  return inSession(async (session) => {
    const { letters, signal } = session;
    const meant = await withServices(session, filter, options);
    if (dryRun === true)
      return told(await letters.replay(meant, { dryRun, signal }), options, (decision) =>
        rehearsal(decision, "Would replay"),
      );
    const decision = await counting("replayed", (onProgress) =>
      letters.replay(meant, { perSecond, signal, onProgress }),
    );
    return told(decision, options, (made) => report(made, "replayed"), signal);
  });
}

export function discard(ids: readonly string[], options: DecideOptions, command: Command): Promise<void> {
  const filter = chosen(ids, options, command);
  const { dryRun, yes } = options;
  const asks = dryRun !== true && yes !== true && process.stdin.isTTY;
  if (options.all === true && dryRun !== true && yes !== true && !asks)
    command.error(
      "error: --all deletes letters for good, and there is no terminal to ask. Look with --dry-run, then say --yes.",
      { exitCode: 2 },
    );
  return inSession(async (session) => {
    const { letters, signal } = session;
    const meant = await withServices(session, filter, options);
    if (dryRun === true)
      return told(await letters.discard(meant, { dryRun, signal }), options, (decision) =>
        rehearsal(decision, "Would discard"),
      );
    const decision = asks
      ? await discardAsked(session, meant)
      : await counting("discarded", (onProgress) => letters.discard(meant, { signal, onProgress }));
    if (decision === undefined) {
      console.error(`${signal.aborted ? "Interrupted. " : ""}Nothing was discarded.`);
      return false;
    }
    return told(decision, options, (made) => report(made, "discarded"), signal);
  });
}

/** Refuses where nothing is chosen, and where two things are. */
function chosen(ids: readonly string[], options: DecideOptions, command: Command): LetterFilter {
  const filter = filterOf(options, ids);
  if (!isChosen(filter) && options.all !== true)
    command.error(`error: name letters by their ids or a filter such as --service, or say --all.`, {
      exitCode: 2,
    });
  if (isChosen({ ...filter, services: undefined }) && options.all === true)
    command.error(
      `error: --all means every letter; leave it out to ${command.name()} those of the ids or the filter.`,
      { exitCode: 2 },
    );
  return filter;
}

/** All letters are those of services. What nobody heard was given up by none: it has to be named. */
async function withServices(
  { letters }: Session,
  filter: LetterFilter,
  { all }: DecideOptions,
): Promise<LetterFilter> {
  if (all !== true || filter.services !== undefined) return filter;
  return { ...filter, services: await letters.services() };
}

/** @returns `undefined` when the answer was no */
async function discardAsked(
  { letters, signal }: Session,
  filter: LetterFilter,
): Promise<Decision | undefined> {
  const planned = await letters.discard(filter, { dryRun: true, signal });
  if (signal.aborted) return undefined;
  if (planned.done === 0) return planned;
  if (planned.done > 1) {
    printKinds(planned, false);
    const question = `Discard ${counted(planned.done)}? They cannot be brought back.`;
    if (!(await consent(question, signal)) || signal.aborted) return undefined;
  }
  return counting("discarded", async (tell) => {
    let done = 0;
    const stayed: Decision["stayed"][number][] = [];
    // Of each service no more than was asked about: others may have come in while the question stood there.
    for (const [service, limit] of byService(planned)) {
      const onProgress: typeof tell = (now) => tell({ ...now, done: done + now.done });
      try {
        const some = await letters.discard({ ...filter, services: [service], limit }, { signal, onProgress });
        done += some.done;
        stayed.push(...some.stayed);
      } catch (error) {
        if (done > 0) console.error(`${counted(done)} of other services discarded before:`);
        throw error;
      }
      if (signal.aborted) break;
    }
    return { ...planned, done, stayed };
  });
}

function byService({ parts }: Decision): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { service, count } of parts) counts.set(service, (counts.get(service) ?? 0) + count);
  return counts;
}

type Tell = NonNullable<DecisionOptions["onProgress"]>;

async function counting(done: string, decide: (tell: Tell) => Promise<Decision>): Promise<Decision> {
  const progress = progressLine(done);
  return decide(progress.tell).finally(progress.end);
}

/** @returns whether all went as it was wanted */
function told(
  decision: Decision,
  { all, service }: DecideOptions,
  print: (decision: Decision) => void,
  signal?: AbortSignal,
): boolean {
  print(decision);
  const { done, stayed, missing } = decision;
  if (done === 0 && all === true && service === undefined)
    console.log("(--all leaves warren.unheard and warren.unrouted out; --service names them.)");
  if (signal?.aborted === true) console.error("Interrupted; the rest is where it was.");
  return done > 0 && stayed.length === 0 && missing.length === 0;
}
