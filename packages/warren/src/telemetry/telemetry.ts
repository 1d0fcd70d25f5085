import {
  createNoopMeter,
  type Meter,
  type MeterProvider,
  metrics,
  ProxyTracer,
  type Tracer,
  type TracerProvider,
  trace,
} from "@opentelemetry/api";
import type { DeathNotice } from "../retry/bury.ts";
import type { Clock } from "../time.ts";
import { type Count, countsOf } from "./counts.ts";
import { observe } from "./gauges.ts";
import { guardedTracer } from "./guarded.ts";
import { httpTelemetry } from "./http.ts";
import { durationsOf } from "./instruments.ts";
import { workerOf } from "./labels.ts";
import { listingObserver } from "./listing.ts";
import type { Probe } from "./probe.ts";
import { seamOf } from "./seam.ts";
import { followedCalls, followedPublishing, trailNow } from "./sending.ts";
import type { Signals } from "./signals.ts";

/** What of an app is traced and measured. */
export interface TelemetryOptions {
  /** Who makes spans. @default the one registered with OpenTelemetry when the app is made; `false` for none */
  readonly tracerProvider?: TracerProvider | false;
  /** Who measures. @default the one registered with OpenTelemetry when the app is made; `false` for none */
  readonly meterProvider?: MeterProvider | false;
  /** Whether spans tell the sizes of messages (`messaging.message.body.size`). @default false */
  readonly bodySize?: boolean;
}

export interface TelemetryAbout {
  readonly clock: Clock;
  readonly system: string;
  readonly instance: string;
}

const scope = "warren";
/** Why messages become dead letters. */
const reasons: readonly DeathNotice["reason"][] = [
  "failed",
  "given-up",
  "undo-failed",
  "undecodable",
  "unknown",
  "invalid",
  "crashed",
];

/** @returns `undefined` where neither traces nor metrics go anywhere, so that nothing is done for them */
export function telemetry(
  options: TelemetryOptions | false | undefined,
  about: TelemetryAbout,
): Probe | undefined {
  if (options === false) return undefined;
  const tracer = tracerOf(options?.tracerProvider);
  const meter = meterOf(options?.meterProvider);
  if (tracer === undefined && meter === undefined) return undefined;
  const signals: Signals = {
    ...about,
    tracer: tracer && guardedTracer(tracer),
    counts: meter && countsOf(meter),
    durations: meter && durationsOf(meter),
    bodySize: options?.bodySize ?? false,
  };
  return probeOf(signals, meter);
}

function probeOf(signals: Signals, meter: Meter | undefined): Probe {
  const { counts, tracer } = signals;
  const jobErrors = (service: string, error_type: string): Count =>
    counts!.of("microservices_job_errors_total", { service: workerOf(service), error_type });
  const retriesOf = (service: string, operation: string): Count[] => [
    counts!.of("warren.retries", { service, operation }),
    jobErrors(service, "job_retry"),
  ];
  const lettersOf = (service: string, reason: string): Count[] => [
    counts!.of("warren.dead_letters", { service, reason }),
    jobErrors(service, "job_max_retries_exceeded"),
  ];
  return {
    seam(of) {
      const { service, id, kind } = of.operation;
      // Known before the first one, at 0: what goes from nothing to 1 is no increase to whoever watches it.
      if (counts !== undefined && kind !== "method") retriesOf(service, id);
      if (counts !== undefined && of.queue !== undefined)
        for (const reason of reasons) lettersOf(service, reason);
      return seamOf(signals, of);
    },
    calls: (caller) => followedCalls(signals, caller),
    publishing: (transport) => followedPublishing(signals, transport),
    http: httpTelemetry(signals),
    observe: (observed) => (meter === undefined ? () => {} : observe(meter, signals, observed)),
    trail: tracer === undefined ? (trail) => trail : trailNow,
    directory: (service) => counts && listingObserver(counts, service),
    retried(service, operation) {
      if (counts !== undefined) for (const count of retriesOf(service, operation)) count.value++;
    },
    buried(service, reason) {
      if (counts !== undefined) for (const count of lettersOf(service, reason)) count.value++;
    },
  };
}

/** Without an SDK the API hands out stand-ins, which do nothing and cost something. */
function tracerOf(provider: TracerProvider | false = trace.getTracerProvider()): Tracer | undefined {
  const tracer = provider === false ? undefined : provider.getTracer(scope);
  return tracer instanceof ProxyTracer ? undefined : tracer;
}

function meterOf(provider: MeterProvider | false = metrics.getMeterProvider()): Meter | undefined {
  const meter = provider === false ? undefined : provider.getMeter(scope);
  return meter === createNoopMeter() ? undefined : meter;
}
