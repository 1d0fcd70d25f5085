import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Entry } from "./history/entry.ts";
import type { Nodes } from "./nodes/index.ts";
import type { Row } from "./report.ts";
import { runScenario } from "./scenarios/run.ts";
import { type Scenario, usualSeconds } from "./scenarios/scenario.ts";

export interface OneOptions {
  readonly scenario: Scenario;
  readonly nodes: Nodes;
  readonly seed: number;
  readonly seconds: number | undefined;
  readonly keep: boolean;
  /** Of Node, before the program's own, and what the processes find in their environment: how a mutant gets in. */
  readonly nodeArguments?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly patienceMs?: number;
}

export interface One extends Row {
  readonly entries: readonly Entry[];
  readonly folder: string;
}

/** Long enough for a message to come back from the slowest delay in use, on a machine that is busy. */
const usualPatienceMs = 30_000;

/** Runs a scenario in a folder of its own, which is kept where asked for. */
export async function one(options: OneOptions): Promise<One> {
  const { scenario, nodes, keep } = options;
  const folder = mkdtempSync(join(tmpdir(), `warren-faults-${scenario.name}-`));
  const ran = await runScenario({
    scenario,
    nodes,
    folder,
    run: `r${Math.random().toString(36).slice(2, 8)}`,
    urls: nodes.nodes.map((node) => node.url),
    seed: options.seed,
    seconds: options.seconds ?? scenario.seconds ?? usualSeconds,
    patienceMs: options.patienceMs ?? scenario.patienceMs ?? usualPatienceMs,
    nodeArguments: options.nodeArguments ?? [],
    environment: options.environment ?? {},
  });
  if (!keep) rmSync(folder, { recursive: true, force: true });
  return { scenario: scenario.name, folder, ...ran };
}
