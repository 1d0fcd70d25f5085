import { join } from "node:path";
import type { Brokers } from "../brokers.ts";
import { one } from "../one.ts";
import { markdown, number } from "../report.ts";
import { catalog } from "../scenarios/catalog.ts";
import { checkEdits, type Mutant } from "./mutant.ts";

export interface Hunt {
  readonly mutant: Mutant;
  /** How many it took. */
  readonly runs: number;
  readonly acknowledged: number;
  readonly lost: number;
  /** Messages that were begun before the one before them was done, where that is promised. */
  readonly early: number;
}

export interface HuntOptions {
  readonly brokers: Brokers;
  readonly seed: number;
  readonly seconds: number | undefined;
  readonly keep: boolean;
}

/** What a mutant loses stays lost: there is nothing to wait for. */
const patienceMs = 8_000;

/** Chance has to help: an acknowledgement at the wrong moment costs nothing unless a kill comes right after it. */
const mostRuns = 3;

/**
 * Runs a mutant's scenario with its mistake in every process, again with the next seed where it was not found.
 * @throws Error where the mistake cannot be built in
 */
export async function hunt(mutant: Mutant, { brokers, seed, seconds, keep }: HuntOptions): Promise<Hunt> {
  checkEdits(mutant);
  const scenario = catalog.find(({ name }) => name === mutant.scenario);
  if (scenario === undefined) throw new Error(`There is no scenario "${mutant.scenario}".`);
  let [acknowledged, lost, early, runs] = [0, 0, 0, 0];
  while (lost + early === 0 && runs < mostRuns) {
    const { verdict } = await one({
      ...{ scenario, seconds, keep, patienceMs },
      nodes: await brokers.have(scenario.nodes),
      seed: seed + runs++,
      ...mutantArguments(mutant),
    });
    acknowledged += verdict.acknowledged;
    lost += verdict.lost.length;
    if (scenario.demands?.inOrder) early += verdict.begunEarly.length;
  }
  return { mutant, runs, acknowledged, lost, early };
}

/** How the processes of a run are started so that the mistake is in them; without one as they are. */
export function mutantArguments(mutant: Mutant | undefined): {
  nodeArguments: readonly string[];
  environment: Readonly<Record<string, string>>;
} {
  if (mutant === undefined) return { nodeArguments: [], environment: {} };
  return {
    nodeArguments: ["--import", join(import.meta.dirname, "load.ts")],
    environment: { WARREN_MUTANT: mutant.name },
  };
}

export function huntTable(hunts: readonly Hunt[]): string {
  return markdown(
    ["mutant", "scenario", "runs", "acknowledged", "lost", "out of order"],
    hunts.map(({ mutant, runs, acknowledged, lost, early }) => [
      mutant.name,
      mutant.scenario,
      number(runs),
      number(acknowledged),
      lost + early > 0 ? number(lost) : "0 (NOT FOUND)",
      number(early),
    ]),
  );
}
