import { median } from "./load.ts";
import type { Row } from "./report.ts";

export const sides = ["warren", "twin"] as const;
export type Side = (typeof sides)[number];
export type Runs<R> = Readonly<Record<Side, readonly R[]>>;

/** Measures both sides in turn, round by round, so that both see the same weather. */
export async function inTurn<R>(rounds: number, measure: (side: Side) => Promise<R>): Promise<Runs<R>> {
  const runs: Record<Side, R[]> = { warren: [], twin: [] };
  for (let round = 0; round < rounds; round++) for (const side of sides) runs[side].push(await measure(side));
  return runs;
}

/** One figure of all runs, as medians; the ratio is the median of the rounds' ratios. */
export function compared<R>(what: string, runs: Runs<R>, figure: (run: R) => number, bar: string): Row {
  const warren = runs.warren.map(figure);
  const twin = runs.twin.map(figure);
  return {
    what,
    warren: median(warren),
    twin: median(twin),
    ratio: median(warren.map((value, i) => value / twin[i]!)),
    spread: [Math.min(...warren), Math.max(...warren)],
    bar,
  };
}
