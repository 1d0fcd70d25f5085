import { BatchSpanProcessor } from "@opentelemetry/sdk-trace";
import { silent } from "warren";
import { startTelemetry, type TelemetryOptions } from "warren/telemetry";

// Spans go to an exporter that drops them: what a collector costs is not Warren's.
const exporter = {
  export: (_spans: unknown, told: (result: { code: number }) => void) => told({ code: 0 }),
  shutdown: async () => {},
};
const traced = { spanProcessors: [new BatchSpanProcessor({ exporter })] };

/** What is set up in each mode; nothing in `off`. */
const setUps = {
  off: undefined,
  default: traced,
  all: { ...traced, sampleRatio: 1 },
  none: { ...traced, sampleRatio: 0 },
  bare: { ...traced, sampleRatio: 0, metrics: false },
  metrics: { traces: false },
} satisfies Record<string, TelemetryOptions | undefined>;

export type Mode = keyof typeof setUps;
export const modes = Object.keys(setUps) as Mode[];

/** @returns where the metrics are, as a Prometheus would be told; `undefined` where there are none */
export async function setUp(mode: Mode): Promise<string | undefined> {
  const options = setUps[mode];
  if (options === undefined) return undefined;
  const { metricsUrl } = await startTelemetry({ ...options, port: 0, host: "127.0.0.1", log: silent });
  return metricsUrl;
}
