import { child } from "../child.ts";
import { type Measured, median } from "../load.ts";
import { withRabbit } from "../node.ts";
import type { BenchOptions } from "../options.ts";
import { figure, grid, machine } from "../report.ts";
import { type Mode, modes } from "./sdk.ts";

interface Run extends Measured {
  /** Of both processes, per call. */
  readonly cpuMicroseconds: number;
}

interface Started {
  readonly metricsUrl?: string;
}

const warmupMs = 2_000;
const inFlight = 100;
/** More often than most that run a Prometheus have it. */
const scrapeEveryMs = 2_000;
const about: Readonly<Record<Mode, { what: string; bar: string }>> = {
  off: { what: "no SDK", bar: "" },
  default: { what: "startTelemetry as it is", bar: "≥ 0.90" },
  all: { what: "every trace recorded", bar: "" },
  none: { what: "no trace recorded", bar: "" },
  bare: { what: "no trace recorded, no metrics", bar: "≥ 0.97" },
  metrics: { what: "metrics only", bar: "" },
};

/**
 * Calls, service and caller as processes of their own: without telemetry, and with what `startTelemetry` sets up in several
 * ways, in turn.
 */
export async function telemetryCase({ seconds, rounds, json }: BenchOptions): Promise<void> {
  await withRabbit(async (broker) => {
    process.stdout.write(
      `${machine()}, RabbitMQ ${broker.version}; ${rounds} rounds of ${seconds} s, 100 B JSON, ${inFlight} in flight\n`,
    );
    for (const mode of modes) await measure(mode, broker.url, 0.1);
    const runs = Object.fromEntries(modes.map((mode) => [mode, []])) as unknown as Record<Mode, Run[]>;
    for (let round = 0; round < rounds; round++)
      // From another one on each time, as the machine may get slower or faster within a round.
      for (let i = 0; i < modes.length; i++) {
        const mode = modes[(round + i) % modes.length]!;
        runs[mode].push(await measure(mode, broker.url, seconds));
      }
    process.stdout.write(tableOf(runs));
    if (json) process.stdout.write(`${JSON.stringify(runs)}\n`);
  });
}

function tableOf(runs: Readonly<Record<Mode, readonly Run[]>>): string {
  const of = (mode: Mode, pick: (run: Run) => number): string => figure(median(runs[mode].map(pick)));
  return grid([
    ["", "calls/s", "ratio to none", "CPU µs/call", "p50 ms", "p99 ms", "to reach"],
    ...modes.map((mode) => [
      about[mode].what,
      of(mode, (run) => run.perSecond),
      figure(median(runs[mode].map((run, i) => run.perSecond / runs.off[i]!.perSecond))),
      of(mode, (run) => run.cpuMicroseconds),
      of(mode, (run) => run.p50Ms),
      of(mode, (run) => run.p99Ms),
      about[mode].bar,
    ]),
  ]);
}

async function measure(mode: Mode, url: string, seconds: number): Promise<Run> {
  const env = { AMQP_URL: url };
  const service = child(new URL("./service.ts", import.meta.url), { mode }, env);
  const load = { mode, inFlight, warmupMs, durationMs: seconds * 1000 };
  let scraping: NodeJS.Timeout | undefined;
  try {
    const serving = await service.next<Started>();
    const caller = child(new URL("./caller.ts", import.meta.url), load, env);
    try {
      const calling = await caller.next<Started>();
      scraping = setInterval(() => void scrape([serving, calling]), scrapeEveryMs);
      await caller.next();
      process.kill(service.pid, "SIGUSR2");
      const { calls, ...called } = await caller.next<Measured & NodeJS.CpuUsage & { calls: number }>();
      service.tell({});
      const served = await service.next<NodeJS.CpuUsage>();
      const cpu = called.user + called.system + served.user + served.system;
      return { ...called, cpuMicroseconds: cpu / calls };
    } finally {
      await caller.stop();
    }
  } finally {
    clearInterval(scraping);
    await service.stop();
  }
}

/** As Prometheus does. One that has ended meanwhile is not of interest. */
async function scrape(started: readonly Started[]): Promise<void> {
  const urls = started.flatMap(({ metricsUrl }) => metricsUrl ?? []);
  await Promise.allSettled(urls.map(async (url) => (await fetch(url)).text()));
}
