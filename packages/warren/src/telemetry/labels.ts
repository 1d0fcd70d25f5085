import type { Attributes } from "@opentelemetry/api";
import { names } from "../names.ts";

/** Attribute objects by outcome, each made once. */
export interface ByOutcome {
  /** @param error the `error.type`; none where it is done */
  of(error: string | undefined): Attributes;
}

export function byOutcome(common: Attributes): ByOutcome {
  const failed = new Map<string, Attributes>();
  return {
    of(error) {
      if (error === undefined) return common;
      let attributes = failed.get(error);
      if (attributes === undefined) {
        attributes = { ...common, "error.type": error };
        failed.set(error, attributes);
      }
      return attributes;
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
