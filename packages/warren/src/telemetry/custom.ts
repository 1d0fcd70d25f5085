import { type Meter, type MetricOptions, metrics } from "@opentelemetry/api";

/** Labels of a metric of your own. Keep to values of which there are few: each combination is kept for as long as the process lives. */
export type Labels = Readonly<Record<string, string | number | boolean>>;

export interface MetricAbout {
  readonly description?: string;
  /** As UCUM has it: `s`, `By`, `{item}`. */
  readonly unit?: string;
}

export interface HistogramAbout extends MetricAbout {
  /** Upper bounds of the buckets. @default those of the SDK, which are for milliseconds */
  readonly boundaries?: readonly number[];
}

/** A number that only grows. */
export interface Counter<L extends Labels = Labels> {
  /** @param value at least 0. @default 1 */
  add(value?: number, labels?: L): void;
}

/** How values are spread, such as sizes and durations. */
export interface Histogram<L extends Labels = Labels> {
  record(value: number, labels?: L): void;
}

/** A number that goes up and down; what was recorded last is what it is. */
export interface Gauge<L extends Labels = Labels> {
  record(value: number, labels?: L): void;
}

/**
 * A metric of your own: `const sold = counter("market.sold")`, and later `sold.add(1, { kind: "book" })`. May be made
 * before the OpenTelemetry SDK is set up, as where a module is loaded; without one it does nothing.
 */
export function counter<L extends Labels = Labels>(name: string, about: MetricAbout = {}): Counter<L> {
  const of = lazily((meter) => meter.createCounter(name, optionsOf(about)));
  return { add: (value = 1, labels) => of()?.add(value, labels) };
}

/** See `counter`. */
export function histogram<L extends Labels = Labels>(name: string, about: HistogramAbout = {}): Histogram<L> {
  const of = lazily((meter) => meter.createHistogram(name, optionsOf(about)));
  return { record: (value, labels) => of()?.record(value, labels) };
}

/** See `counter`. */
export function gauge<L extends Labels = Labels>(name: string, about: MetricAbout = {}): Gauge<L> {
  const of = lazily((meter) => meter.createGauge(name, optionsOf(about)));
  return { record: (value, labels) => of()?.record(value, labels) };
}

function optionsOf({ boundaries, ...about }: HistogramAbout): MetricOptions {
  return { ...about, ...(boundaries && { advice: { explicitBucketBoundaries: [...boundaries] } }) };
}

/** Asks anew until there is an SDK, and when there is another one. */
function lazily<T>(make: (meter: Meter) => T): () => T | undefined {
  let from: unknown;
  let made: T | undefined;
  return () => {
    const provider = metrics.getMeterProvider();
    if (provider !== from) {
      from = provider;
      made = make(provider.getMeter("warren.custom"));
    }
    return made;
  };
}
