import { type Histogram, metrics } from "@opentelemetry/api";
import { afterEach, describe, expect, it, vi } from "vitest";
import { bound, type Recorder } from "../src/telemetry/instruments.ts";
import { type Collector, collector } from "./collector.ts";
import { started } from "./telemetry-started.ts";

const name = "rpc.client.call.duration";
const labels = { "rpc.method": "stock.reserve", attempt: 1 };
/** On a boundary, below the first, beyond the last, and what is no duration. */
const values = [0.001, 0.0001, 0.03, 90, 0, Number.NaN, -1];

const own = (): Histogram => histogramOf("warren");
const sdk = (): Histogram => histogramOf("of another");

function histogramOf(scope: string): Histogram {
  return metrics.getMeter(scope).createHistogram(name, { unit: "s", description: "A call." });
}

/** The same through Warren's own and through the SDK's. */
function record(more: readonly number[]): void {
  const known: Recorder = bound(own(), labels);
  for (const value of more) {
    known.record(value);
    sdk().record(value, labels);
  }
}

/** What came of the histogram from one scope, in the order it came, but for the times. */
function toldOf({ received }: Collector, scope: string): unknown[] {
  return received
    .filter(({ path }) => path === "/v1/metrics")
    .flatMap(({ body }) => body.resourceMetrics)
    .flatMap(({ scopeMetrics }) => scopeMetrics)
    .filter((of: any) => of.scope.name === scope)
    .flatMap(({ metrics: all }: any) => all)
    .filter((metric: any) => metric.name === name)
    .map(({ histogram, ...about }: any) => ({
      ...about,
      temporality: histogram.aggregationTemporality,
      points: histogram.dataPoints.map(({ startTimeUnixNano, timeUnixNano, sum, ...point }: any) => ({
        ...point,
        // Added in another order it differs in its last digits.
        sum: sum.toFixed(9),
      })),
    }));
}

afterEach(() => void vi.unstubAllEnvs());

describe("durations of Warren's own", () => {
  it("are told to Prometheus as those of the SDK are", async () => {
    const telemetry = await started();
    record(values);
    own().record(3, { ...labels, "error.type": "TIMEOUT" });
    sdk().record(3, { ...labels, "error.type": "TIMEOUT" });
    expect(own()).toHaveProperty("bind");
    expect(sdk()).not.toHaveProperty("bind");
    const text = await (await fetch(telemetry.metricsUrl!)).text();
    const samples = text.split("\n").filter((line) => line.startsWith("rpc_client_call_duration_seconds"));
    const once = new Set(samples);
    expect(once.size).toBe(2 * 19);
    expect(samples.toSorted()).toEqual([...once, ...once].toSorted());
  });

  it.each(["cumulative", "delta"])("are told to a collector as those of the SDK are: %s", async (how) => {
    vi.stubEnv("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", how);
    const to = await collector();
    const telemetry = await started({ endpoint: to.url, exportEveryMs: 50 });
    record(values);
    await vi.waitFor(() => expect(toldOf(to, "warren").length).toBeGreaterThan(0));
    // Who reads in between takes nothing from the other.
    await fetch(telemetry.metricsUrl!);
    record([0.2]);
    await fetch(telemetry.metricsUrl!);
    record([0.0002]);
    await telemetry.stop();
    const told = toldOf(to, "warren");
    expect(told).toEqual(toldOf(to, "of another"));
    const counts = told.map((one: any) => one.points[0].count);
    if (how === "delta") expect(counts.reduce((sum, count) => sum + count, 0)).toBe(7);
    else expect(counts.at(-1)).toBe(7);
  });

  it("are the same for all apps of a process, and for labels in any order", async () => {
    const telemetry = await started();
    bound(own(), { a: 1, b: 2 }).record(1);
    bound(own(), { b: 2, a: 1 }).record(1);
    const text = await (await fetch(telemetry.metricsUrl!)).text();
    expect(text.match(/^rpc_client_call_duration_seconds_count.*/gm)).toEqual([
      'rpc_client_call_duration_seconds_count{a="1",b="2"} 2',
    ]);
  });

  it("have a bounded number of series; the rest is counted together", async () => {
    const telemetry = await started({ maxSeries: 10 });
    for (let n = 0; n < 50; n++) own().record(1, { n });
    const text = await (await fetch(telemetry.metricsUrl!)).text();
    const counts = text.match(/^rpc_client_call_duration_seconds_count.*/gm)!;
    expect(counts).toHaveLength(10);
    expect(counts).toContain('rpc_client_call_duration_seconds_count{otel_metric_overflow="true"} 41');
  });
});

it("records through a histogram that cannot be bound", () => {
  const recorded: unknown[] = [];
  const plain: Histogram = { record: (...given) => recorded.push(given) };
  bound(plain, labels).record(2);
  expect(recorded).toEqual([[2, labels]]);
});
