import {
  type Attributes,
  type Histogram,
  type HrTime,
  type MetricOptions,
  ValueType,
} from "@opentelemetry/api";
import { millisToHrTime } from "@opentelemetry/core";
import type { Resource } from "@opentelemetry/resources";
import {
  AggregationTemporality,
  DataPointType,
  type HistogramMetricData,
  InstrumentType,
  type MetricProducer,
} from "@opentelemetry/sdk-metrics";
import type { Clock } from "../time.ts";

/** A histogram whose labels can be said once, before there are values. */
export interface BoundHistogram extends Histogram {
  /** The same for the same labels. */
  bind(attributes: Attributes): { record(value: number): void };
}

/**
 * Histograms in plain arrays, which are read when somebody collects. The SDK's work out anew with each value which labels
 * these are, which costs more than all the rest that is done to measure a call.
 */
export interface BoundHistograms {
  /** The same for the same name. */
  histogram(name: string, options: MetricOptions, boundaries: readonly number[]): BoundHistogram;
  /** For one reader, which has them beside the metrics of the SDK. To be made before anything is measured. */
  producer(temporality: (type: InstrumentType) => AggregationTemporality): MetricProducer;
}

interface Tally {
  count: number;
  sum: number;
  min: number;
  max: number;
  readonly buckets: number[];
}

interface Series {
  readonly attributes: Attributes;
  readonly since: HrTime;
  /** What came since anybody has collected. */
  readonly news: Tally;
  record(value: number): void;
}

interface Instrument {
  readonly bound: BoundHistogram;
  readonly descriptor: HistogramMetricData["descriptor"];
  readonly boundaries: number[];
  readonly series: Map<string, Series>;
}

/** What one reader has got of a series: since its beginning, or since this reader has asked before. */
type Got = Map<Series, { since: HrTime; readonly tally: Tally }>;

const overflow: Attributes = { "otel.metric.overflow": true };

export function boundHistograms(
  scope: string,
  resource: Resource,
  maxSeries: number,
  clock: Clock,
): BoundHistograms {
  const instruments = new Map<string, Instrument>();
  const readers: Got[] = [];
  const now = (): HrTime => millisToHrTime(clock.now());

  function made(name: string, { description = "", unit = "" }: MetricOptions, limits: number[]): Instrument {
    const series = new Map<string, Series>();
    const bind = (attributes: Attributes): Series => {
      const key = keyOf(attributes);
      const known = series.get(key);
      if (known !== undefined) return known;
      if (series.size >= maxSeries - 1 && attributes !== overflow) return bind(overflow);
      const begun = seriesOf(attributes, limits, now());
      series.set(key, begun);
      return begun;
    };
    const bound = {
      bind,
      record: (value: number, attributes: Attributes = {}) => bind(attributes).record(value),
    };
    const descriptor = { name, description, unit, valueType: ValueType.DOUBLE };
    return { bound, descriptor, boundaries: limits, series };
  }

  /** Each reader has its own sums, as each may ask for what came since it asked. */
  function handOut(): void {
    for (const { series } of instruments.values())
      for (const one of series.values()) {
        if (one.news.count === 0) continue;
        for (const got of readers) {
          const mine = got.get(one) ?? { since: one.since, tally: emptyTally(one.news.buckets.length) };
          got.set(one, mine);
          add(mine.tally, one.news);
        }
        clear(one.news);
      }
  }

  function read(
    { descriptor, boundaries, series }: Instrument,
    got: Got,
    aggregationTemporality: AggregationTemporality,
    endTime: HrTime,
  ): HistogramMetricData {
    const dataPoints: HistogramMetricData["dataPoints"] = [];
    for (const one of series.values()) {
      const mine = got.get(one);
      if (mine === undefined || mine.tally.count === 0) continue;
      const { count, sum, min, max, buckets } = mine.tally;
      const value = { count, sum, min, max, buckets: { boundaries, counts: [...buckets] } };
      dataPoints.push({ attributes: one.attributes, startTime: mine.since, endTime, value });
      if (aggregationTemporality === AggregationTemporality.CUMULATIVE) continue;
      clear(mine.tally);
      mine.since = endTime;
    }
    return { descriptor, aggregationTemporality, dataPointType: DataPointType.HISTOGRAM, dataPoints };
  }

  return {
    histogram(name, options, boundaries) {
      const instrument = instruments.get(name) ?? made(name, options, [...boundaries]);
      instruments.set(name, instrument);
      return instrument.bound;
    },
    producer(temporality) {
      const got: Got = new Map();
      readers.push(got);
      return {
        async collect() {
          handOut();
          const endTime = now();
          const metrics = [...instruments.values()]
            .map((instrument) => read(instrument, got, temporality(InstrumentType.HISTOGRAM), endTime))
            .filter(({ dataPoints }) => dataPoints.length > 0);
          const scopeMetrics = metrics.length === 0 ? [] : [{ scope: { name: scope }, metrics }];
          return { resourceMetrics: { resource, scopeMetrics }, errors: [] };
        },
      };
    },
  };
}

function keyOf(attributes: Attributes): string {
  return JSON.stringify(Object.entries(attributes).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** @param limits upper bounds, which belong to their buckets */
function seriesOf(attributes: Attributes, limits: readonly number[], since: HrTime): Series {
  const news = emptyTally(limits.length + 1);
  return {
    attributes,
    since,
    news,
    record(value) {
      // No duration is, and no number is neither: the SDK leaves both out.
      if (!(value >= 0)) return;
      news.count++;
      news.sum += value;
      if (value < news.min) news.min = value;
      if (value > news.max) news.max = value;
      let bucket = 0;
      while (bucket < limits.length && value > limits[bucket]!) bucket++;
      news.buckets[bucket]!++;
    },
  };
}

function emptyTally(buckets: number): Tally {
  return {
    count: 0,
    sum: 0,
    min: Number.POSITIVE_INFINITY,
    max: Number.NEGATIVE_INFINITY,
    buckets: new Array<number>(buckets).fill(0),
  };
}

function clear(tally: Tally): void {
  tally.count = 0;
  tally.sum = 0;
  tally.min = Number.POSITIVE_INFINITY;
  tally.max = Number.NEGATIVE_INFINITY;
  tally.buckets.fill(0);
}

function add(to: Tally, more: Tally): void {
  to.count += more.count;
  to.sum += more.sum;
  to.min = Math.min(to.min, more.min);
  to.max = Math.max(to.max, more.max);
  for (let i = 0; i < to.buckets.length; i++) to.buckets[i]! += more.buckets[i]!;
}
