import { context, diag, type MeterProvider, metrics, propagation, trace } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import { CompositePropagator, W3CBaggagePropagator, W3CTraceContextPropagator } from "@opentelemetry/core";
import { OTLPMetricExporter } from "@opentelemetry/exporter-metrics-otlp-http";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-http";
import type { Resource } from "@opentelemetry/resources";
import {
  type IMetricReader,
  InstrumentType,
  PeriodicExportingMetricReader,
  MeterProvider as SdkMeterProvider,
} from "@opentelemetry/sdk-metrics";
import { BatchSpanProcessor, TracerProvider } from "@opentelemetry/sdk-trace";
import { type Logger, silent } from "../log.ts";
import { plainLogger } from "../logs/plain.ts";
import type { SideServer } from "../side-server.ts";
import { type Clock, delay, systemClock } from "../time.ts";
import { wholeNumber } from "../whole-number.ts";
import { type BoundHistograms, boundHistograms } from "./bound-histograms.ts";
import { durationViews, ownScope, withBuckets } from "./buckets.ts";
import { tellComplaints } from "./complaints.ts";
import { serveMetrics } from "./metrics-server.ts";
import type { TelemetryOptions } from "./options.ts";
import { processMetrics } from "./process-metrics.ts";
import { scrapedReader, temporalityOf } from "./prometheus.ts";
import {
  addressOf,
  batchOf,
  destinationOf,
  exportEveryMsOf,
  isDisabled,
  resourceOf,
  samplerOf,
} from "./settings.ts";

/** What `startTelemetry` started. */
export interface Telemetry extends AsyncDisposable {
  /** Where Prometheus finds the metrics; `undefined` where they are not served. */
  readonly metricsUrl: string | undefined;
  /**
   * Delivers what there is, within `flushMs`, and ends what was started. What the collector has not taken by then is lost.
   * Call it when the app has stopped. Never throws.
   */
  stop(): Promise<void>;
}

/** Something of the SDK that runs, and ends. */
interface Part {
  /** Delivers what it has, and ends. */
  shutdown(): Promise<unknown>;
}

/**
 * Sets the OpenTelemetry SDK up for this process: `/metrics` for Prometheus, export to a collector where there is an
 * endpoint, metrics of the process, W3C trace context. Call it before `app`; Warren measures through the API alone, and
 * what was made before is not measured. With OTEL_SDK_DISABLED nothing is started.
 * @throws TypeError for an option or a variable that cannot be used
 * @throws Error where `/metrics` cannot be served, or telemetry is set up in this process already; nothing runs then
 */
export async function startTelemetry(options: TelemetryOptions = {}): Promise<Telemetry> {
  if (isDisabled()) return telemetryOf(undefined, async () => {});
  const { log = plainLogger(), clock = systemClock } = options;
  const flushMs = wholeNumber("startTelemetry: `flushMs`", options.flushMs, 5_000);
  const resource = resourceOf(options);
  const tracing = tracerProviderOf(options, resource);
  const { provider, own, serve } = measuring(options, resource, log, clock);
  const parts: Part[] = [tracing, provider].filter((part) => part !== undefined);
  let unregister = (): void => {};
  let server: SideServer | undefined;
  try {
    unregister = register(tracing, provider && withBuckets(provider, own!));
    server = await serve?.();
  } catch (error) {
    unregister();
    // There is nothing to be delivered yet.
    await ending(parts, undefined, 0, silent, clock);
    throw error;
  }
  tellComplaints(log, clock);
  const endProcessMetrics = provider && processMetrics(metrics.getMeter("warren.process"), clock);
  if (server !== undefined) log.info({ url: server.url }, "metrics are served");
  let stopped: Promise<void> | undefined;
  return telemetryOf(server?.url, () => {
    stopped ??= ending(parts, server, flushMs, log, clock).finally(() => {
      endProcessMetrics?.();
      unregister();
      diag.disable();
    });
    return stopped;
  });
}

function telemetryOf(metricsUrl: string | undefined, stop: () => Promise<void>): Telemetry {
  return { metricsUrl, stop, [Symbol.asyncDispose]: stop };
}

function tracerProviderOf(options: TelemetryOptions, resource: Resource): TracerProvider | undefined {
  const sampler = samplerOf(options);
  const destination = destinationOf(options, "traces");
  const { spanProcessors = [], traces = destination !== undefined || spanProcessors.length > 0 } = options;
  if (!traces) return undefined;
  const exporting =
    destination && new BatchSpanProcessor({ ...batchOf(), exporter: new OTLPTraceExporter(destination) });
  return new TracerProvider({
    resource,
    sampler,
    spanProcessors: [...(exporting === undefined ? [] : [exporting]), ...spanProcessors],
  });
}

interface Measuring {
  readonly provider?: SdkMeterProvider;
  /** What is measured beside it, for the same readers. */
  readonly own?: BoundHistograms;
  /** Begins to serve `/metrics`. */
  readonly serve?: () => Promise<SideServer>;
}

function measuring(options: TelemetryOptions, resource: Resource, log: Logger, clock: Clock): Measuring {
  const maxSeries = wholeNumber("startTelemetry: `maxSeries`", options.maxSeries, 2_000);
  const exportEveryMs = exportEveryMsOf(options);
  const address = addressOf(options);
  const destination = destinationOf(options, "metrics");
  if (options.metrics === false || (address === undefined && destination === undefined)) return {};
  const own = boundHistograms(ownScope, resource, maxSeries, clock);
  const readers: IMetricReader[] = [];
  let serve: (() => Promise<SideServer>) | undefined;
  if (address !== undefined) {
    const { reader, read } = scrapedReader(maxSeries, own.producer(temporalityOf), log);
    readers.push(reader);
    serve = () => serveMetrics(address, read, log);
  }
  if (destination !== undefined) {
    const exporter = metricExporter(destination);
    readers.push(
      new PeriodicExportingMetricReader({
        exporter,
        exportIntervalMillis: exportEveryMs,
        cardinalityLimits: { default: maxSeries },
        metricProducers: [own.producer(exporter.selectAggregationTemporality)],
      }),
    );
  }
  const provider = new SdkMeterProvider({ resource, readers, views: durationViews(maxSeries) });
  return { provider, own, ...(serve !== undefined && { serve }) };
}

/** As the environment prefers it, except for gauges that are observed: see `temporalityOf`. */
function metricExporter(destination: { url?: string }): OTLPMetricExporter {
  const exporter = new OTLPMetricExporter(destination);
  const preferred = exporter.selectAggregationTemporality.bind(exporter);
  exporter.selectAggregationTemporality = (type) =>
    type === InstrumentType.OBSERVABLE_GAUGE ? temporalityOf(type) : preferred(type);
  return exporter;
}

/**
 * What this process measures and traces through the API goes here from now on.
 * @returns what undoes it
 */
function register(tracing: TracerProvider | undefined, measuring: MeterProvider | undefined): () => void {
  const registered: { disable(): void }[] = [];
  const unregister = (): void => {
    for (const api of registered) api.disable();
  };
  const note = (api: { disable(): void }, isOurs: boolean): void => {
    if (isOurs) return void registered.push(api);
    unregister();
    throw new Error(
      "OpenTelemetry is set up in this process already, by an earlier startTelemetry or by another SDK. Stop that one first, or leave startTelemetry out.",
    );
  };
  if (measuring !== undefined) note(metrics, metrics.setGlobalMeterProvider(measuring));
  if (tracing !== undefined) {
    const propagators = [new W3CTraceContextPropagator(), new W3CBaggagePropagator()];
    note(trace, trace.setGlobalTracerProvider(tracing));
    note(context, context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable()));
    note(propagation, propagation.setGlobalPropagator(new CompositePropagator({ propagators })));
  }
  return unregister;
}

async function ending(
  parts: readonly Part[],
  server: SideServer | undefined,
  flushMs: number,
  log: Logger,
  clock: Clock,
): Promise<void> {
  const over = new AbortController();
  const delivered = Promise.allSettled(parts.map((part) => part.shutdown()));
  const outcomes = await Promise.race([delivered, delay(clock, flushMs, over.signal)]);
  over.abort();
  if (outcomes === undefined) log.warn({ flushMs }, "telemetry could not be delivered in time and is lost");
  for (const outcome of outcomes ?? [])
    if (outcome.status === "rejected")
      log.warn({ err: outcome.reason }, "telemetry could not be delivered and is lost");
  await server?.close();
}
