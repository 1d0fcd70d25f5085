import type { Attributes, Histogram, Meter } from "@opentelemetry/api";
import { guardedRecorder } from "./guarded.ts";

/** Seconds; for what takes between a millisecond and ten seconds, as OpenTelemetry advises for durations. */
const boundaries = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10];
/** As the dashboards of the seed have them. */
const jobBoundaries = [0.01, 0.05, 0.1, 0.5, 1, 2, 5];

/** Records with labels that are known already. */
export interface Recorder {
  record(value: number): void;
}

export interface Durations {
  /** A message was handed over, for an event: until the broker has it. */
  readonly operation: Histogram;
  readonly process: Histogram;
  /** A call, as its caller saw it. */
  readonly call: Histogram;
  readonly http: Histogram;
  readonly job: Histogram;
}

export function durationsOf(meter: Meter): Durations {
  const seconds = (name: string, description: string, buckets = boundaries): Histogram =>
    meter.createHistogram(name, {
      unit: "s",
      description,
      advice: { explicitBucketBoundaries: buckets },
    });
  return {
    operation: seconds("messaging.client.operation.duration", "Sending a message."),
    process: seconds("messaging.process.duration", "Working on a message, once."),
    call: seconds("rpc.client.call.duration", "A call, as its caller saw it."),
    http: seconds("http.server.request.duration", "Answering a request of the gateway."),
    job: seconds("microservices_job_processing_seconds", "Working on a call or an event.", jobBoundaries),
  };
}

/** What `startTelemetry` of `warren/telemetry` sets up has this; other SDKs need not. */
type Bindable = Histogram & { bind?(attributes: Attributes): Recorder };

/** The histogram with these labels: said once, where it can be told once. */
export function bound(histogram: Bindable, attributes: Attributes): Recorder {
  return histogram.bind?.(attributes) ?? guardedRecorder(histogram, attributes);
}
