import { child } from "../child.ts";
import type { Measured } from "../load.ts";
import { withRabbit } from "../node.ts";
import type { BenchOptions } from "../options.ts";
import { machine, type Row, table } from "../report.ts";
import { compared, inTurn, type Runs, type Side, sides } from "../sides.ts";

const warmupMs = 2_000;

interface Run extends Measured {
  readonly rssBytes: number;
}

/** Service and caller as processes of their own, Warren and its twin in turn. */
export async function rpcCase({ seconds, rounds, json }: BenchOptions): Promise<void> {
  await withRabbit(async (broker) => {
    process.stdout.write(
      `${machine()}, RabbitMQ ${broker.version}; ${rounds} rounds of ${seconds} s, 100 B JSON\n`,
    );
    for (const side of sides) await measure(side, broker.url, 1, 0.1);
    const rows: Row[] = [];
    for (const inFlight of [100, 1])
      rows.push(
        ...rowsOf(inFlight, await inTurn(rounds, (side) => measure(side, broker.url, inFlight, seconds))),
      );
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

function rowsOf(inFlight: number, runs: Runs<Run>): Row[] {
  const row = (what: string, figure: (run: Run) => number, bar: string): Row =>
    compared(`${what}, ${inFlight} in flight`, runs, figure, bar);
  if (inFlight === 1)
    return [row("p50 ms", (run) => run.p50Ms, "≤ 1.25 of the twin"), row("p99 ms", (run) => run.p99Ms, "")];
  return [
    row("calls/s", (run) => run.perSecond, "≥ 0.85 of the twin"),
    row("p50 ms", (run) => run.p50Ms, ""),
    row("p99 ms", (run) => run.p99Ms, ""),
    row("RSS of a started service, MB", (run) => run.rssBytes / 1e6, "< 90"),
  ];
}
