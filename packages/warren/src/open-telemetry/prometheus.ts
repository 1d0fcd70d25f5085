import { PrometheusSerializer } from "@opentelemetry/exporter-prometheus";
import {
  AggregationTemporality,
  AggregationType,
  DataPointType,
  type IMetricReader,
  InstrumentType,
  type MetricData,
  type MetricProducer,
  type ResourceMetrics,
} from "@opentelemetry/sdk-metrics";
import type { Logger } from "../log.ts";

/** A callback that takes longer, such as one that asks a broker, is left out of this reading. */
const readWithinMs = 5_000;

/** A reader that is asked, as Prometheus asks, and gathers nothing by itself. */
export interface ScrapedReader {
  readonly reader: IMetricReader;
  /** Everything that is measured, in Prometheus' text format. What cannot be measured is left out, and told. */
  read(): Promise<string>;
}

/** @param beside what is measured beside the SDK */
export function scrapedReader(maxSeries: number, beside: MetricProducer, log: Logger): ScrapedReader {
  // Labels are those of the instruments alone: a query need not know which library measures.
  const serializer = new PrometheusSerializer(undefined, false, undefined, false, true);
  let producer: MetricProducer | undefined;
  const reader: IMetricReader = {
    setMetricProducer(given) {
      if (producer !== undefined) throw new Error("This reader has its metrics already.");
      producer = given;
    },
    selectAggregation: () => ({ type: AggregationType.DEFAULT }),
    selectAggregationTemporality: temporalityOf,
    selectCardinalityLimit: () => maxSeries,
    async collect(options) {
      const [{ resourceMetrics, errors }, more] = await Promise.all([
        producer!.collect(options),
        beside.collect(options),
      ]);
      const scopeMetrics = [...resourceMetrics.scopeMetrics, ...more.resourceMetrics.scopeMetrics];
      return { resourceMetrics: { ...resourceMetrics, scopeMetrics }, errors: [...errors, ...more.errors] };
    },
    async shutdown() {},
    async forceFlush() {},
  };
  return {
    reader,
    async read() {
      const { resourceMetrics, errors } = await reader.collect({ timeoutMillis: readWithinMs });
      for (const err of errors) log.warn({ err }, "something could not be measured");
      return `${serializer.serialize(inPrometheusNames(resourceMetrics)).trimEnd()}\n`;
    },
  };
}

/**
 * The SDK repeats for ever what was once observed with cumulative temporality. A gauge has none, and with the other one a
 * kind that is not observed any more is gone, as a gauge of it should be.
 */
export function temporalityOf(type: InstrumentType): AggregationTemporality {
  return type === InstrumentType.OBSERVABLE_GAUGE
    ? AggregationTemporality.DELTA
    : AggregationTemporality.CUMULATIVE;
}

/** What Prometheus calls the units that OpenTelemetry writes as UCUM does. */
const units: Readonly<Record<string, string>> = {
  s: "seconds",
  ms: "milliseconds",
  By: "bytes",
};

/** The exporter leaves out the units that names of Prometheus end with. */
function inPrometheusNames({ resource, scopeMetrics }: ResourceMetrics): ResourceMetrics {
  return {
    resource,
    scopeMetrics: scopeMetrics.map(({ scope, metrics }) => ({
      scope,
      metrics: metrics
        .filter(({ dataPoints }) => dataPoints.length > 0)
        .map(
          (metric) =>
            ({ ...metric, descriptor: { ...metric.descriptor, name: nameOf(metric) } }) as MetricData,
        ),
    })),
  };
}

function nameOf(metric: MetricData): string {
  const { name, unit } = metric.descriptor;
  const suffix = units[unit];
  if (suffix === undefined) return name;
  const isCounter = metric.dataPointType === DataPointType.SUM && metric.isMonotonic;
  const stem = isCounter ? name.replace(/_total$/, "") : name;
  const full = new RegExp(`[^a-zA-Z0-9]${suffix}$`).test(stem) ? stem : `${stem}_${suffix}`;
  return isCounter ? `${full}_total` : full;
}
