import { child } from "../child.ts";
import { median, quantile } from "../load.ts";
import { withRabbit } from "../node.ts";
import type { BenchOptions } from "../options.ts";
import { figure, grid, machine } from "../report.ts";
import type { AccuracyOptions, Delays } from "./accuracy.ts";
import type { Neighbours, NeighboursOptions } from "./neighbours.ts";

const tiersMs = [100, 250, 500, 1_000, 2_000, 5_000, 10_000];
/** What is to be reached: a wait is never shorter than its tier, and at most this much longer. */
const most = 1.2;
const perSecond = 500;
const warmupMs = 2_000;

/** How exactly delayed retries come, and what they cost the events behind them. */
export async function retryCase({ seconds, rounds, json }: BenchOptions): Promise<void> {
  await withRabbit(async (broker) => {
    process.stdout.write(
      `${machine()}, RabbitMQ ${broker.version}; ${rounds} rounds of ${seconds} s each: accuracy, quiet, retrying\n`,
    );
    const delays = new Map<number, number[]>(tiersMs.map((tierMs) => [tierMs, []]));
    const quiet: Neighbours[] = [];
    const retrying: Neighbours[] = [];
    for (let round = 0; round < rounds; round++) {
      const found = await run<Delays>(broker.url, "accuracy", {
        tiersMs,
        warmupMs,
        durationMs: seconds * 1000,
      } satisfies AccuracyOptions);
      for (const tierMs of tiersMs) delays.get(tierMs)!.push(...found[tierMs]!);
      for (const [side, runs] of [
        [false, quiet],
        [true, retrying],
      ] as const)
        runs.push(
          await run<Neighbours>(broker.url, "neighbours", {
            retrying: side,
            perSecond,
            warmupMs,
            durationMs: seconds * 1000,
          } satisfies NeighboursOptions),
        );
    }
    const tiers = tiersMs.map((tierMs) => accuracyOf(tierMs, delays.get(tierMs)!));
    process.stdout.write(`\n${accuracyTable(tiers)}\n${neighboursTable(quiet, retrying)}`);
    if (json) process.stdout.write(`${JSON.stringify({ tiers, quiet, retrying })}\n`);
  });
}

async function run<T>(url: string, name: string, args: object): Promise<T> {
  const process_ = child(new URL(`./${name}.ts`, import.meta.url), args, { AMQP_URL: url });
  try {
    return await process_.next<T>();
  } finally {
    await process_.stop();
  }
}

interface Accuracy {
  readonly tierMs: number;
  readonly events: number;
  readonly minMs: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
  /** The part that came within the bar. */
  readonly within: number;
}

function accuracyOf(tierMs: number, delays: readonly number[]): Accuracy {
  const sorted = delays.toSorted((a, b) => a - b);
  return {
    tierMs,
    events: sorted.length,
    minMs: sorted[0]!,
    p50Ms: quantile(sorted, 0.5),
    p99Ms: quantile(sorted, 0.99),
    maxMs: sorted.at(-1)!,
    within: sorted.filter((ms) => ms >= tierMs && ms <= tierMs * most).length / sorted.length,
  };
}

function accuracyTable(tiers: readonly Accuracy[]): string {
  return grid([
    ["tier, ms", "events", "least", "p50", "p99", "most", "within tier + 20 %"],
    ...tiers.map((tier) => [
      tier.tierMs.toLocaleString("en"),
      tier.events.toLocaleString("en"),
      ...[tier.minMs, tier.p50Ms, tier.p99Ms, tier.maxMs].map((ms) => ms.toFixed(1)),
      `${(tier.within * 100).toFixed(2)} %`,
    ]),
  ]);
}

function neighboursTable(quiet: readonly Neighbours[], retrying: readonly Neighbours[]): string {
  const row = (what: string, of: (run: Neighbours) => number): string[] => [
    what,
    spread(quiet.map(of)),
    spread(retrying.map(of)),
    figure(median(retrying.map((run, i) => of(run) / of(quiet[i]!)))),
  ];
  return grid([
    [`other events, ${perSecond}/s`, "none fails (min to max)", "one is retried (min to max)", "ratio"],
    row("p50 ms", (run) => run.p50Ms),
    row("p99 ms", (run) => run.p99Ms),
    row("most ms", (run) => run.maxMs),
    ["tries of the failing one", "", String(median(retrying.map((run) => run.tries))), ""],
  ]);
}

function spread(values: readonly number[]): string {
  return `${figure(median(values))} (${figure(Math.min(...values))} to ${figure(Math.max(...values))})`;
}
