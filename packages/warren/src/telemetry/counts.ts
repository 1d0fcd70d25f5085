import type { Attributes, Meter, ObservableCounter, ObservableUpDownCounter } from "@opentelemetry/api";

/** One number with its labels. Counting is adding to `value`. */
export interface Count {
  value: number;
}

/**
 * Numbers that are counted in plain fields, and read when somebody collects: an instrument that is told of each message
 * works out each time which labels these are, which costs more than all the rest of it.
 */
export interface Counts {
  /** The same for the same labels, whoever asks: several apps of one process count together. */
  of(name: CountName, attributes: Attributes): Count;
}

const instruments = {
  "messaging.client.sent.messages": ["{message}", "Messages that were handed to the broker."],
  "messaging.client.consumed.messages": ["{message}", "Messages that were taken in hand."],
  microservices_messages_received_total: ["", "Messages received, by their part in the life of a job."],
  microservices_messages_sent_total: ["", "Messages sent, by their part in the life of a job."],
  microservices_job_errors_total: ["", "Jobs that reached nobody, were tried again, or were given up."],
  "warren.retries": ["{retry}", "Work that failed and is tried again."],
  "warren.dead_letters": ["{message}", "Messages that became dead letters."],
  "warren.handlers.active": ["{handler}", "Work under way."],
} as const;

export type CountName = keyof typeof instruments;

const known = new WeakMap<Meter, Counts>();

export function countsOf(meter: Meter): Counts {
  const there = known.get(meter);
  if (there !== undefined) return there;
  const series = new Map<CountName, Map<string, Count & { readonly attributes: Attributes }>>();

  /** Kept as long as the meter, also when an app has stopped: its last counts are still to be collected. */
  function begin(name: CountName): Map<string, Count & { readonly attributes: Attributes }> {
    const all = new Map<string, Count & { readonly attributes: Attributes }>();
    const [unit, description] = instruments[name];
    const instrument: ObservableCounter | ObservableUpDownCounter =
      name === "warren.handlers.active"
        ? meter.createObservableUpDownCounter(name, { unit, description })
        : meter.createObservableCounter(name, { unit, description });
    instrument.addCallback((result) => {
      for (const { value, attributes } of all.values()) result.observe(value, attributes);
    });
    series.set(name, all);
    return all;
  }

  const counts: Counts = {
    of(name, attributes) {
      const all = series.get(name) ?? begin(name);
      const key = JSON.stringify(Object.entries(attributes).sort(([a], [b]) => (a < b ? -1 : 1)));
      const found = all.get(key) ?? { value: 0, attributes };
      all.set(key, found);
      return found;
    },
  };
  known.set(meter, counts);
  return counts;
}
