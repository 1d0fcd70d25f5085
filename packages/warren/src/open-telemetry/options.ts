import type { SpanProcessor } from "@opentelemetry/sdk-trace";
import type { Logger } from "../log.ts";
import type { Clock } from "../time.ts";

/** Each goes before the environment variable that it names. */
export interface TelemetryOptions {
  /** `service.name`: what the processes of this program are together. @default OTEL_SERVICE_NAME */
  readonly service?: string;
  /** `service.version`. */
  readonly version?: string;
  /** Further attributes of the resource, beside those of OTEL_RESOURCE_ATTRIBUTES. */
  readonly attributes?: Readonly<Record<string, string>>;
  /**
   * Where a collector takes OTLP over HTTP, such as `http://collector:4318`; traces go to `/v1/traces` below it, metrics to
   * `/v1/metrics`. Nothing is exported where neither this nor the variable is set.
   * @default OTEL_EXPORTER_OTLP_ENDPOINT
   */
  readonly endpoint?: string;
  /**
   * Whether spans are made. @default where they have somewhere to go: an endpoint, or `spanProcessors`
   */
  readonly traces?: boolean;
  /**
   * Which share of the traces that begin here is recorded, from 0 to 1. Whoever goes on with a trace does as its beginner
   * did. @default OTEL_TRACES_SAMPLER and OTEL_TRACES_SAMPLER_ARG, else 0.1
   */
  readonly sampleRatio?: number;
  /** Further places for spans to go. */
  readonly spanProcessors?: readonly SpanProcessor[];
  /** Whether anything is measured, for `/metrics` or the collector. @default true */
  readonly metrics?: boolean;
  /**
   * Where `/metrics` is served: 0 is any free port, `false` none at all. @default OTEL_EXPORTER_PROMETHEUS_PORT, else 9091
   */
  readonly port?: number | false;
  /**
   * The address `/metrics` listens on. Prometheus is on another machine or in another container than what it scrapes, so
   * it is every address unless this names one. What is served are names and figures, and no data of a message.
   * @default OTEL_EXPORTER_PROMETHEUS_HOST, else all
   */
  readonly host?: string;
  /** How often metrics go to the collector. @default OTEL_METRIC_EXPORT_INTERVAL, else 60_000 */
  readonly exportEveryMs?: number;
  /**
   * How many combinations of attributes one instrument may have. What comes beyond is counted together, with the attribute
   * `otel.metric.overflow`. @default 2_000
   */
  readonly maxSeries?: number;
  /** How long `stop` waits for what is to be delivered still. @default 5_000 */
  readonly flushMs?: number;
  /** Told of what cannot be delivered or measured. @default `plainLogger` of `warren/logs` */
  readonly log?: Logger;
  readonly clock?: Clock;
}
