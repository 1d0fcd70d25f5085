import { child } from "../child.ts";
import type { Measured } from "../load.ts";
import { withRabbit } from "../node.ts";
import type { BenchOptions } from "../options.ts";
import { machine, type Row, table } from "../report.ts";
import { compared, inTurn, type Runs, type Side, sides } from "../sides.ts";
import type { Consumed, Published } from "./tally.ts";

const warmupMs = 2_000;

interface Run extends Measured {
  readonly confirmedPerSecond: number;
  readonly consumedPerSecond: number;
  readonly publisherCpu: number;
  readonly consumerCpu: number;
}

/** Publisher and consumer as processes of their own, Warren and its twin in turn. */
export async function eventsCase({ seconds, rounds, json }: BenchOptions): Promise<void> {
  await withRabbit(async (broker) => {
    process.stdout.write(
      `${machine()}, RabbitMQ ${broker.version}; ${rounds} rounds of ${seconds} s, 100 B JSON, quorum queue on one node\n`,
    );
    for (const side of sides) await measure(side, broker.url, 1, 0.1);
    const rows: Row[] = [];
    for (const inFlight of [100, 1_000, 1])
      rows.push(
        ...rowsOf(inFlight, await inTurn(rounds, (side) => measure(side, broker.url, inFlight, seconds))),
      );
    process.stdout.write(table(rows));
    if (json) process.stdout.write(`${JSON.stringify(rows)}\n`);
  });
}

async function measure(side: Side, url: string, inFlight: number, seconds: number): Promise<Run> {
  const env = { AMQP_URL: url };
  const consumer = child(new URL(`./${side}-consumer.ts`, import.meta.url), {}, env);
  try {
    await consumer.next();
    const load = { inFlight, warmupMs, durationMs: seconds * 1000 };
    const publisher = child(new URL(`./${side}-publisher.ts`, import.meta.url), load, env);
    try {
      const published = await publisher.next<Measured & Published>();
      // It answers once everything that was confirmed has arrived: the next run begins with an empty queue.
      consumer.tell(published);
      const { inWindow, handled, cpuMicroseconds } = await consumer.next<Consumed>();
      if (handled !== published.total)
        throw new Error(`${side}: ${published.total} events were confirmed and ${handled} consumed.`);
      const consumedPerSecond = inWindow / seconds;
      return {
        ...published,
        confirmedPerSecond: published.perSecond,
        consumedPerSecond,
        publisherCpu: published.cpuMicroseconds,
        consumerCpu: cpuMicroseconds,
        perSecond: Math.min(published.perSecond, consumedPerSecond),
      };
    } finally {
      await publisher.stop();
    }
  } finally {
    await consumer.stop();
  }
}

function rowsOf(inFlight: number, runs: Runs<Run>): Row[] {
  const row = (what: string, figure: (run: Run) => number, bar: string): Row =>
    compared(`${what}, ${inFlight.toLocaleString("en")} in flight`, runs, figure, bar);
  const latency = [
    row("p50 ms of emit", (run) => run.p50Ms, ""),
    row("p99 ms of emit", (run) => run.p99Ms, ""),
  ];
  if (inFlight === 1) return latency;
  return [
    row("events/s confirmed and consumed", (run) => run.perSecond, "≥ 0.85 of the twin"),
    row("confirmed/s", (run) => run.confirmedPerSecond, ""),
    row("consumed/s", (run) => run.consumedPerSecond, ""),
    ...latency,
    row("CPU µs per event, publisher", (run) => run.publisherCpu, ""),
    row("CPU µs per event, consumer", (run) => run.consumerCpu, ""),
  ];
}
