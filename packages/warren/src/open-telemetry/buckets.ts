import type { Meter, MeterProvider, MetricOptions } from "@opentelemetry/api";
import { AggregationType, type ViewOptions } from "@opentelemetry/sdk-metrics";
import type { BoundHistograms } from "./bound-histograms.ts";

/** From half a millisecond to a minute: a call within a machine, and one that waited for a broker to come back. */
const latencies = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];
/** Those of the dashboards that this metric is named for. */
const jobs = [0.01, 0.05, 0.1, 0.5, 1, 2, 5];

const durations: Readonly<Record<string, number[]>> = {
  "messaging.client.operation.duration": latencies,
  "messaging.process.duration": latencies,
  "rpc.client.call.duration": latencies,
  "http.server.request.duration": latencies,
  microservices_job_processing_seconds: jobs,
};

/** The one that Warren measures by. */
export const ownScope = "warren";

/**
 * What OpenTelemetry advises for these begins at five milliseconds, which is longer than most calls and events take. Each
 * instrument fits one view: with two it would be measured twice.
 */
export function durationViews(maxSeries: number): ViewOptions[] {
  return Object.entries(durations).map(([instrumentName, boundaries]) => ({
    instrumentName,
    aggregation: { type: AggregationType.EXPLICIT_BUCKET_HISTOGRAM, options: { boundaries } },
    aggregationCardinalityLimit: maxSeries,
  }));
}

/**
 * Other histograms in seconds that name no buckets get ones for latencies: the SDK's own are for milliseconds, and would
 * show all that happens as faster than five seconds. Warren's own durations are among `own`. The same meter stays the same.
 */
export function withBuckets(provider: MeterProvider, own: BoundHistograms): MeterProvider {
  const known = new WeakMap<Meter, Meter>();
  return {
    getMeter(...args) {
      const meter = provider.getMeter(...args);
      const made = known.get(meter) ?? meterWithBuckets(meter, args[0] === ownScope ? own : undefined);
      known.set(meter, made);
      return made;
    },
  };
}

function meterWithBuckets(meter: Meter, own: BoundHistograms | undefined): Meter {
  return {
    createHistogram(name, options = {}) {
      const boundaries = own && durations[name];
      return boundaries === undefined
        ? meter.createHistogram(name, bucketed(options))
        : own!.histogram(name, options, boundaries);
    },
    createGauge: meter.createGauge.bind(meter),
    createCounter: meter.createCounter.bind(meter),
    createUpDownCounter: meter.createUpDownCounter.bind(meter),
    createObservableGauge: meter.createObservableGauge.bind(meter),
    createObservableCounter: meter.createObservableCounter.bind(meter),
    createObservableUpDownCounter: meter.createObservableUpDownCounter.bind(meter),
    addBatchObservableCallback: meter.addBatchObservableCallback.bind(meter),
    removeBatchObservableCallback: meter.removeBatchObservableCallback.bind(meter),
  };
}

function bucketed(options: MetricOptions): MetricOptions {
  if (options.unit !== "s" || options.advice?.explicitBucketBoundaries !== undefined) return options;
  return { ...options, advice: { ...options.advice, explicitBucketBoundaries: latencies } };
}
