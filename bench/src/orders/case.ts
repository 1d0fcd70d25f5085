import { child } from "../child.ts";
import { median } from "../load.ts";
import type { BenchOptions } from "../options.ts";
import { machine, type Row, table } from "../report.ts";
import type { Customer, Served } from "./customer.ts";

const perSecond = 100;

/**
 * Orders of the orders example at a fixed rate, as choreography: five services in one process on the embedded broker, each
 * with an SQLite file. There is no twin.
 */
export async function ordersCase({ seconds, rounds, json }: BenchOptions): Promise<void> {
  process.stdout.write(`${machine()}; ${rounds} rounds of ${seconds} s, ${perSecond} orders/s\n`);
  const runs: Served[] = [];
  for (let round = 0; round < rounds; round++) {
    const load: Customer = { perSecond, warmupMs: 5_000, durationMs: seconds * 1_000 };
    const customer = child(new URL("./customer.ts", import.meta.url), load);
    runs.push(await customer.next());
    await customer.stop();
  }
  const row = (what: string, of: (run: Served) => number, bar: string): Row => {
    const values = runs.map(of);
    return { what, warren: median(values), spread: [Math.min(...values), Math.max(...values)], bar };
  };
  const rows = [
    row("ordered to shipped, p50 ms", (run) => run.p50Ms, "< 20"),
    row("the same, last quarter", (run) => run.lastP50Ms, "< 20"),
    row("ordered to shipped, p99 ms", (run) => run.p99Ms, ""),
    row("orders shipped/s", (run) => run.shippedPerSecond, "100"),
    row("orders unshipped at the end", (run) => run.unshipped, "a few"),
    row("growth of memory in use, MB", (run) => (run.memoryBytes[1] - run.memoryBytes[0]) / 1e6, "~ 0"),
  ];
  process.stdout.write(table(rows));
  if (json) process.stdout.write(`${JSON.stringify(rows)}\n`);
}
