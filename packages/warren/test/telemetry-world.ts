import { context } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import {
  type CollectionResult,
  type DataPoint,
  type Histogram,
  MeterProvider,
  MetricReader,
} from "@opentelemetry/sdk-metrics";
import {
  InMemorySpanExporter,
  type ReadableSpan,
  type Sampler,
  SimpleSpanProcessor,
  TracerProvider,
} from "@opentelemetry/sdk-trace";
import { afterAll, beforeAll } from "vitest";
import { temporalityOf } from "../src/open-telemetry/prometheus.ts";

/** The real SDK, keeping in memory what it is told. */
export interface Sdk {
  readonly options: { readonly tracerProvider: TracerProvider; readonly meterProvider: MeterProvider };
  /** Those that have ended, in the order in which they did. */
  spans(): readonly ReadableSpan[];
  /** The values of one metric by their labels. */
  values(name: string): Promise<readonly { value: unknown; attributes: Record<string, unknown> }[]>;
  collect(): Promise<CollectionResult>;
}

class Reader extends MetricReader {
  constructor() {
    super({ aggregationTemporalitySelector: temporalityOf });
  }
  protected async onShutdown(): Promise<void> {}
  protected async onForceFlush(): Promise<void> {}
}

/** The SDK registered with nobody: an app is given its providers. Handlers run in contexts of their own. */
export function sdk(sampler?: Sampler): Sdk {
  const exporter = new InMemorySpanExporter();
  const tracerProvider = new TracerProvider({
    spanProcessors: [new SimpleSpanProcessor({ exporter })],
    ...(sampler !== undefined && { sampler }),
  });
  const reader = new Reader();
  const meterProvider = new MeterProvider({ readers: [reader] });
  return {
    options: { tracerProvider, meterProvider },
    spans: () => exporter.getFinishedSpans(),
    collect: () => reader.collect(),
    async values(name) {
      const { resourceMetrics } = await reader.collect();
      const metric = resourceMetrics.scopeMetrics
        .flatMap(({ metrics }) => metrics)
        .find(({ descriptor }) => descriptor.name === name);
      const points = (metric?.dataPoints ?? []) as DataPoint<number | Histogram>[];
      return points.map(({ value, attributes }) => ({
        value: typeof value === "number" ? value : value.count,
        attributes: { ...attributes },
      }));
    },
  };
}

/** What carries contexts through promises, for the tests of the file it is called in. */
export function withContexts(): void {
  beforeAll(() => {
    context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  });
  afterAll(() => context.disable());
}
