import { child } from "../child.ts";
import { type Measured, median } from "../load.ts";
import type { BenchOptions } from "../options.ts";
import { machine, type Row, table } from "../report.ts";

/** Caller, service and broker in one process. There is no twin: without a framework it would be a function call. */
export async function embeddedCase({ seconds, rounds, json }: BenchOptions): Promise<void> {
  process.stdout.write(
    `${machine()}; ${rounds} rounds of ${seconds} s, 100 B JSON, validated four times a call\n`,
  );
  const runs: (Measured & { rssBytes: number })[] = [];
  for (let round = 0; round < rounds; round++) {
    const caller = child(new URL("./caller.ts", import.meta.url), {
      inFlight: 100,
      warmupMs: 1_000,
      durationMs: seconds * 1000,
    });
    runs.push(await caller.next());
    await caller.stop();
  }
  const row = (what: string, values: readonly number[], bar: string): Row => ({
    what,
    warren: median(values),
    spread: [Math.min(...values), Math.max(...values)],
    bar,
  });
  const rows = [
    row(
      "calls/s, 100 in flight",
      runs.map((run) => run.perSecond),
      "≥ 100,000",
    ),
    row(
      "p99 ms",
      runs.map((run) => run.p99Ms),
      "",
    ),
    row(
      "RSS of a started service, MB",
      runs.map((run) => run.rssBytes / 1e6),
      "< 90",
    ),
  ];
  process.stdout.write(table(rows));
  if (json) process.stdout.write(`${JSON.stringify(rows)}\n`);
}
