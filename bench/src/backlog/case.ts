import { child } from "../child.ts";
import { median } from "../load.ts";
import { withRabbit } from "../node.ts";
import type { BenchOptions } from "../options.ts";
import { machine, type Row, table } from "../report.ts";
import type { WorkedOff } from "./consumer.ts";

const messages = 1_000_000;

/** A million events wait for a service: what does it take to work them off? There is no twin: the bar is absolute. */
export async function backlogCase({ rounds, json }: BenchOptions): Promise<void> {
  await withRabbit(async (broker) => {
    process.stdout.write(
      `${machine()}, RabbitMQ ${broker.version}; ${rounds} rounds of ${messages.toLocaleString("en")} events, 100 B JSON\n`,
    );
    const runs: WorkedOff[] = [];
    for (let round = 0; round < rounds; round++) {
      await run(broker.url, "consumer", 0);
      await run(broker.url, "loader", messages);
      runs.push(await run<WorkedOff>(broker.url, "consumer", messages));
    }
    const row = (what: string, values: readonly number[], bar: string): Row => ({
      what,
      warren: median(values),
      spread: [Math.min(...values), Math.max(...values)],
      bar,
    });
    const megabytes = (figure: (run: WorkedOff) => number): number[] => runs.map((run) => figure(run) / 1e6);
    const rows = [
      row(
        "peak RSS of the consumer, MB",
        megabytes((run) => run.peakRssBytes),
        "< 150",
      ),
      row(
        "RSS when it had started, MB",
        megabytes((run) => run.startedRssBytes),
        "",
      ),
      row(
        "events/s worked off",
        runs.map((run) => run.perSecond),
        "",
      ),
    ];
    process.stdout.write(table(rows));
    if (json) process.stdout.write(`${JSON.stringify(rows)}\n`);
  });
}

async function run<T>(url: string, name: string, count: number): Promise<T> {
  const process_ = child(new URL(`./${name}.ts`, import.meta.url), { messages: count }, { AMQP_URL: url });
  try {
    return await process_.next<T>();
  } finally {
    await process_.stop();
  }
}
