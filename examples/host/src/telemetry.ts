import type { Logger } from "warren";
import type { Telemetry } from "warren/telemetry";
import type { Settings } from "./settings.ts";
import { version } from "./version.ts";

/**
 * Has this process measured and traced, where the settings say where that goes: Prometheus at METRICS_PORT, a collector at
 * OTEL_EXPORTER_OTLP_ENDPOINT. To be called before what is measured is made. The SDK is loaded only then.
 */
export async function telemetryFor(
  { metricsPort, host, hasCollector }: Settings,
  log: Logger,
): Promise<Telemetry | undefined> {
  if (metricsPort === undefined && !hasCollector) return undefined;
  const { startTelemetry } = await import("warren/telemetry");
  return startTelemetry({ service: "warren-examples", version, port: metricsPort ?? false, host, log });
}
