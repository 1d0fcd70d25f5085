import type { Attributes, Histogram } from "@opentelemetry/api";
import { names } from "../names.ts";
import { bound, type Recorder } from "./instruments.ts";

/** Durations by outcome, with labels that are made once for each. */
export interface ByOutcome {
  /** @param error the `error.type`; none where it is done */
  record(value: number, error: string | undefined): void;
}

export function byOutcome(histogram: Histogram, common: Attributes): ByOutcome {
  const failed = new Map<string, Recorder>();
  let done: Recorder | undefined;
  return {
    record(value, error) {
      if (error === undefined) {
        done ??= bound(histogram, common);
        return done.record(value);
      }
      const recorder = failed.get(error) ?? bound(histogram, { ...common, "error.type": error });
      failed.set(error, recorder);
      recorder.record(value);
    },
  };
}

/** A queue as a label: those that an instance has for itself share one, as there is no end to instances. */
export function queueLabel(queue: string, service: string): string {
  if (queue.startsWith(names.instance(service, ""))) return `${service}.instance`;
  if (queue.startsWith(names.listener(""))) return "warren.events.listener";
  const shared = [names.events(service), names.orderedEvents(service)];
  if (!shared.includes(queue) && queue.startsWith(names.instanceEvents(service, "")))
    return `${service}.events.instance`;
  return queue;
}

/** The `service` of the metrics that the seed's dashboards know. */
export function workerOf(service: string | undefined): string {
  return `worker-${service ?? "client"}`;
}
