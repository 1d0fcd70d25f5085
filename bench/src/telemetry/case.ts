import { child } from "../child.ts";
import { type Measured, median } from "../load.ts";
import { withRabbit } from "../node.ts";
import type { BenchOptions } from "../options.ts";
import { figure, grid, machine } from "../report.ts";
import { type Mode, modes } from "./sdk.ts";

interface Run extends Measured {
  /** Of both processes, the warm-up included. */
  readonly cpuMicroseconds: number;
}

const warmupMs = 2_000;
const inFlight = 100;
const bars: Record<Mode, string> = { off: "", on: "≥ 0.90", out: "≥ 0.97", metrics: "" };
const words: Record<Mode, string> = {
  off: "no SDK",
  on: "traces and metrics",
  out: "traces, none sampled",
  metrics: "metrics only",
};

/** Calls, service and caller as processes of their own: without telemetry, and with it in several ways, in turn. */
export async function telemetryCase({ seconds, rounds, json }: BenchOptions): Promise<void> {
  await withRabbit(async (broker) => {
    process.stdout.write(
      `${machine()}, RabbitMQ ${broker.version}; ${rounds} rounds of ${seconds} s, 100 B JSON, ${inFlight} in flight\n`,
    );
    for (const mode of modes) await measure(mode, broker.url, 0.1);
    const runs: Record<Mode, Run[]> = { off: [], on: [], out: [], metrics: [] };
    for (let round = 0; round < rounds; round++)
      // From another one on each time, as the machine may get slower or faster within a round.
      for (let i = 0; i < modes.length; i++) {
        const mode = modes[(round + i) % modes.length]!;
        runs[mode].push(await measure(mode, broker.url, seconds));
      }
    process.stdout.write(
      grid([
        ["", "calls/s", "ratio to none", "CPU µs/call", "p50 ms", "p99 ms", "to reach"],
        ...modes.map((mode) => {
          const of = (pick: (run: Run) => number): string => figure(median(runs[mode].map(pick)));
          const ratio = median(runs[mode].map((run, i) => run.perSecond / runs.off[i]!.perSecond));
          return [
            words[mode],
            of((run) => run.perSecond),
            figure(ratio),
            of((run) => run.cpuMicroseconds),
            of((run) => run.p50Ms),
            of((run) => run.p99Ms),
            bars[mode],
          ];
        }),
      ]),
    );
    if (json) process.stdout.write(`${JSON.stringify(runs)}\n`);
  });
}

async function measure(mode: Mode, url: string, seconds: number): Promise<Run> {
  const env = { AMQP_URL: url };
  const service = child(new URL("./service.ts", import.meta.url), { mode }, env);
  try {
    await service.next();
    const load = { mode, inFlight, warmupMs, durationMs: seconds * 1000 };
    const caller = child(new URL("./caller.ts", import.meta.url), load, env);
    try {
      const { calls, ...called } = await caller.next<Measured & NodeJS.CpuUsage & { calls: number }>();
      service.tell({});
      const served = await service.next<NodeJS.CpuUsage>();
      const cpu = called.user + called.system + served.user + served.system;
      return { ...called, cpuMicroseconds: cpu / calls };
    } finally {
      await caller.stop();
    }
  } finally {
    await service.stop();
  }
}
