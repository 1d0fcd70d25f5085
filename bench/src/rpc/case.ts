import { child } from "../child.ts";
import { type Measured, median } from "../load.ts";
import { withRabbit } from "../node.ts";
import type { BenchOptions } from "../options.ts";
import { machine, type Row, table } from "../report.ts";

const sides = ["warren", "twin"] as const;
type Side = (typeof sides)[number];
const warmupMs = 2_000;

interface Run extends Measured {
  readonly rssBytes: number;
}

/** Service and caller as processes of their own, Warren and its twin in turn, so that both see the same weather. */
export async function rpcCase({ seconds, rounds, json }: BenchOptions): Promise<void> {
  await withRabbit(async (broker) => {
    process.stdout.write(
      `${machine()}, RabbitMQ ${broker.version}; ${rounds} rounds of ${seconds} s, 100 B JSON\n`,
    );
    for (const side of sides) await measure(side, broker.url, 1, 0.1);
    const rows: Row[] = [];
    for (const inFlight of [100, 1]) {
      const runs: Record<Side, Run[]> = { warren: [], twin: [] };
      for (let round = 0; round < rounds; round++)
        for (const side of sides) runs[side].push(await measure(side, broker.url, inFlight, seconds));
      rows.push(...compare(inFlight, runs));
    }
    process.stdout.write(table(rows));
    if (json) process.stdout.write(`${JSON.stringify(rows)}\n`);
  });
}

async function measure(side: Side, url: string, inFlight: number, seconds: number): Promise<Run> {
  const env = { AMQP_URL: url };
  const service = child(new URL(`./${side}-service.ts`, import.meta.url), {}, env);
  try {
    const { rssBytes } = await service.next<{ rssBytes: number }>();
    const caller = child(
      new URL(`./${side}-caller.ts`, import.meta.url),
      { inFlight, warmupMs, durationMs: seconds * 1000 },
      env,
    );
    try {
      return { ...(await caller.next<Measured>()), rssBytes };
    } finally {
      await caller.stop();
    }
  } finally {
    await service.stop();
  }
}

function compare(inFlight: number, runs: Record<Side, Run[]>): Row[] {
  const middle = (side: Side, figure: keyof Run): number => median(runs[side].map((run) => run[figure]));
  const spread = (side: Side, figure: keyof Run): [number, number] => {
    const values = runs[side].map((run) => run[figure]);
    return [Math.min(...values), Math.max(...values)];
  };
  const row = (what: string, figure: keyof Run, bar: string, scale = 1): Row => ({
    what: `${what}, ${inFlight} in flight`,
    warren: middle("warren", figure) * scale,
    twin: middle("twin", figure) * scale,
    ratio: median(runs.warren.map((run, i) => run[figure] / runs.twin[i]![figure])),
    spread: spread("warren", figure).map((value) => value * scale) as [number, number],
    bar,
  });
  if (inFlight === 1) return [row("p50 ms", "p50Ms", "≤ 1.25 of the twin"), row("p99 ms", "p99Ms", "")];
  return [
    row("calls/s", "perSecond", "≥ 0.85 of the twin"),
    row("p50 ms", "p50Ms", ""),
    row("p99 ms", "p99Ms", ""),
    row("RSS of a started service, MB", "rssBytes", "< 90", 1e-6),
  ];
}
