import type { Meter, MeterProvider, MetricOptions } from "@opentelemetry/api";

/** From half a millisecond to a minute: a call within a machine, and one that waited for a broker to come back. */
const latencies = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];
/** Those of the dashboards that this metric is named for. */
const jobs = [0.01, 0.05, 0.1, 0.5, 1, 2, 5];

/**
 * Histograms in seconds that name no buckets get ones for latencies: the SDK's own are for milliseconds, and would show
 * every call as one below five seconds.
 */
export function withBuckets(provider: MeterProvider): MeterProvider {
  return { getMeter: (...args) => meterWithBuckets(provider.getMeter(...args)) };
}

function meterWithBuckets(meter: Meter): Meter {
  return {
    createHistogram: (name, options) => meter.createHistogram(name, bucketed(name, options)),
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

function bucketed(name: string, options: MetricOptions = {}): MetricOptions {
  if (options.advice?.explicitBucketBoundaries !== undefined) return options;
  const isJob = /^microservices[._]job[._]processing/.test(name);
  if (!isJob && options.unit !== "s") return options;
  return { ...options, advice: { ...options.advice, explicitBucketBoundaries: isJob ? jobs : latencies } };
}
