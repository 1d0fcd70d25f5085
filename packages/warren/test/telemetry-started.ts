import { onTestFinished } from "vitest";
import { silent } from "../src/index.ts";
import { startTelemetry, type Telemetry, type TelemetryOptions } from "../src/open-telemetry/index.ts";

/** The SDK for one test, from within it, on a free port. */
export async function started(options: TelemetryOptions = {}): Promise<Telemetry> {
  const telemetry = await startTelemetry({
    port: 0,
    host: "127.0.0.1",
    log: silent,
    flushMs: 10_000,
    ...options,
  });
  onTestFinished(() => telemetry.stop());
  return telemetry;
}
