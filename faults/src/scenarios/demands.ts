import type { Verdict } from "../checker/verdict.ts";
import type { Scenario } from "./scenario.ts";

/** What a scenario asks for beyond "nothing lost, nothing unexpected", and did not get, in words. */
export function unmet({ demands = {} }: Scenario, verdict: Verdict): string[] {
  const unmet: string[] = [];
  const { calls, inOrder, noneDragged, recoveryMs, workerMib } = demands;
  if (calls && verdict.callsFailed.length > 0)
    unmet.push(`${verdict.callsFailed.length} calls failed, as ${verdict.callsFailed[0]}`);
  if (calls && verdict.callsRunTwice.length > 0)
    unmet.push(`${verdict.callsRunTwice.length} calls ran twice, as ${verdict.callsRunTwice[0]}`);
  if (calls && verdict.calls === 0) unmet.push("no call was made");
  if (inOrder && verdict.reordered > 0)
    unmet.push(`${verdict.reordered} messages came after later ones of their key`);
  if (inOrder && verdict.begunEarly.length > 0)
    unmet.push(
      `${verdict.begunEarly.length} messages were begun before the one before them was done, as ${verdict.begunEarly[0]}`,
    );
  if (noneDragged && verdict.dragged.length > 0)
    unmet.push(`${verdict.dragged.length} innocent messages became dead letters, as ${verdict.dragged[0]}`);
  const slowest = verdict.recoveriesMs.at(-1);
  if (recoveryMs !== undefined && slowest !== undefined && slowest > recoveryMs)
    unmet.push(`the slowest recovery took ${slowest} ms, ${recoveryMs} are allowed`);
  if (workerMib !== undefined && verdict.workerMib > workerMib)
    unmet.push(`a worker took ${verdict.workerMib} MiB, ${workerMib} are allowed`);
  return unmet;
}
