import {
  defaultResource,
  detectResources,
  envDetector,
  type Resource,
  resourceFromAttributes,
} from "@opentelemetry/resources";
import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  ParentBasedSampler,
  type Sampler,
  TraceIdRatioBasedSampler,
} from "@opentelemetry/sdk-trace";
import { wholeNumber } from "../whole-number.ts";
import type { TelemetryOptions } from "./options.ts";

const defaultPort = 9091;
/** Enough to see what a system does, at a tenth of what it costs to record all of it. */
const usualRatio = 0.1;

/** Variables that are set to nothing are not set, as the specification of OpenTelemetry says. */
function variable(name: string): string | undefined {
  return process.env[name]?.trim() || undefined;
}

/** Whether the environment turns telemetry off, whatever a program says. */
export function isDisabled(): boolean {
  return variable("OTEL_SDK_DISABLED")?.toLowerCase() === "true";
}

/** Who sends: what the options say, else the environment, else the SDK. */
export function resourceOf({ service, version, attributes }: TelemetryOptions): Resource {
  const own = {
    ...attributes,
    ...(service !== undefined && { "service.name": service }),
    ...(version !== undefined && { "service.version": version }),
  };
  return defaultResource()
    .merge(detectResources({ detectors: [envDetector] }))
    .merge(resourceFromAttributes(own));
}

/** Where a kind of telemetry goes: an option of its exporter, which reads the environment itself. `undefined`: nowhere. */
export function destinationOf(
  { endpoint }: TelemetryOptions,
  kind: "traces" | "metrics",
): { url?: string } | undefined {
  if (endpoint !== undefined) {
    if (!URL.canParse(endpoint) || !/^https?:/.test(endpoint))
      throw new TypeError(
        `startTelemetry: \`endpoint\` is ${JSON.stringify(endpoint)}; use the address of a collector, such as http://localhost:4318.`,
      );
    return { url: `${endpoint.replace(/\/+$/, "")}/v1/${kind}` };
  }
  if (variable(`OTEL_${kind.toUpperCase()}_EXPORTER`)?.toLowerCase() === "none") return undefined;
  const names = ["OTEL_EXPORTER_OTLP_ENDPOINT", `OTEL_EXPORTER_OTLP_${kind.toUpperCase()}_ENDPOINT`];
  return names.some((name) => variable(name) !== undefined) ? {} : undefined;
}

/** @throws TypeError for a ratio or a sampler that is none */
export function samplerOf({ sampleRatio }: TelemetryOptions): Sampler {
  if (sampleRatio !== undefined)
    return new ParentBasedSampler({ root: ratio(sampleRatio, "startTelemetry: `sampleRatio`") });
  const name = variable("OTEL_TRACES_SAMPLER");
  if (name === undefined) return new ParentBasedSampler({ root: ratioOfEnvironment(usualRatio) });
  const [, parentBased, kind] = /^(parentbased_)?(.+)$/.exec(name)!;
  const root = namedSampler(kind!);
  if (root === undefined)
    throw new TypeError(
      `OTEL_TRACES_SAMPLER is ${JSON.stringify(name)}; use always_on, always_off or traceidratio, each also with parentbased_ before it.`,
    );
  return parentBased === undefined ? root : new ParentBasedSampler({ root });
}

function namedSampler(kind: string): Sampler | undefined {
  if (kind === "always_on") return new AlwaysOnSampler();
  if (kind === "always_off") return new AlwaysOffSampler();
  if (kind !== "traceidratio") return undefined;
  return ratioOfEnvironment(1);
}

function ratioOfEnvironment(otherwise: number): Sampler {
  const name = "OTEL_TRACES_SAMPLER_ARG";
  return ratio(Number(variable(name) ?? otherwise), name);
}

function ratio(share: number, what: string): Sampler {
  if (share >= 0 && share <= 1) return new TraceIdRatioBasedSampler(share);
  throw new TypeError(`${what} is ${share}; use a number from 0 to 1.`);
}

/** Where `/metrics` is served, or `undefined` for nowhere. @throws TypeError for a port that is none */
export function addressOf(options: TelemetryOptions): { port: number; host: string | undefined } | undefined {
  if (options.port === false) return undefined;
  const name = "OTEL_EXPORTER_PROMETHEUS_PORT";
  const host = options.host ?? variable("OTEL_EXPORTER_PROMETHEUS_HOST");
  const port =
    options.port === undefined
      ? numberIn(name, defaultPort, 0, 65_535)
      : wholeNumber("startTelemetry: `port`", options.port, defaultPort, 0, 65_535);
  return { port, host };
}

export function exportEveryMsOf({ exportEveryMs }: TelemetryOptions): number {
  return exportEveryMs === undefined
    ? numberIn("OTEL_METRIC_EXPORT_INTERVAL", 60_000)
    : wholeNumber("startTelemetry: `exportEveryMs`", exportEveryMs, 60_000);
}

/** How many finished spans wait at most for the collector, and what goes at once and when. */
export function batchOf(): {
  maxQueueSize: number;
  maxExportBatchSize: number;
  scheduledDelayMillis: number;
} {
  return {
    maxQueueSize: numberIn("OTEL_BSP_MAX_QUEUE_SIZE", 2_048),
    maxExportBatchSize: numberIn("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", 512),
    scheduledDelayMillis: numberIn("OTEL_BSP_SCHEDULE_DELAY", 5_000, 0),
  };
}

function numberIn(name: string, byDefault: number, min?: number, max?: number): number {
  const text = variable(name);
  return wholeNumber(name, text === undefined ? undefined : Number(text), byDefault, min, max);
}
