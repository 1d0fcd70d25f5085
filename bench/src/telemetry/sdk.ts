import { context, metrics, trace } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import {
  AggregationTemporality,
  MeterProvider,
  PeriodicExportingMetricReader,
} from "@opentelemetry/sdk-metrics";
import {
  AlwaysOnSampler,
  BatchSpanProcessor,
  ParentBasedSampler,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from "@opentelemetry/sdk-trace";

/** `off`: no SDK. `on`: every call traced and measured. `out`: traced, and none of it sampled. `metrics`: measured. */
export const modes = ["off", "on", "out", "metrics"] as const;
export type Mode = (typeof modes)[number];

const done = { code: 0 } as const;

/** The SDK as a program sets it up, with exporters that drop what they get: what those cost is not Warren's. */
export function setUp(mode: Mode): void {
  if (mode === "off") return;
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  if (mode !== "metrics") {
    const root = mode === "on" ? new AlwaysOnSampler() : new TraceIdRatioBasedSampler(0);
    const exporter = {
      export: (_spans: unknown, told: (result: { code: number }) => void) => told(done),
      shutdown: async () => {},
    };
    trace.setGlobalTracerProvider(
      new TracerProvider({
        sampler: new ParentBasedSampler({ root }),
        spanProcessors: [new BatchSpanProcessor({ exporter })],
      }),
    );
  }
  if (mode === "out") return;
  const exporter = {
    export: (_metrics: unknown, told: (result: { code: number }) => void) => told(done),
    forceFlush: async () => {},
    shutdown: async () => {},
    selectAggregationTemporality: () => AggregationTemporality.CUMULATIVE,
  };
  const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 2_000 });
  metrics.setGlobalMeterProvider(new MeterProvider({ readers: [reader] }));
}
