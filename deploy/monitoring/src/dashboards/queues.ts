import type { Dashboard } from "../dashboard.ts";
import { service } from "./variables.ts";

/** Gauges of queues, by their name's last part. */
const queue = (metric: string, last: string): string =>
  `queue:${metric}:max{service=~"$service", queue=~".+\\\\.(${last})"}`;

export const queues: Dashboard = {
  uid: "warren-queues",
  title: "Warren: queues, outbox and dead letters",
  description: "What waits, for whom, and what was given up.",
  variables: [service],
  panels: [
    {
      title: "Messages that wait",
      description: "What rises and does not fall again is more than the service can do.",
      alarmAt: 1_000,
      queries: [
        { expr: queue("warren_queue_messages", "requests|events|events\\\\.ordered"), legend: "{{queue}}" },
      ],
    },
    {
      title: "Consumers",
      description: "0 beside messages that wait: nobody takes them.",
      queries: [
        { expr: queue("warren_queue_consumers", "requests|events|events\\\\.ordered"), legend: "{{queue}}" },
      ],
    },
    {
      title: "Dead letters that wait for a decision",
      description: "npx warren dead-letters list shows them.",
      alarmAt: 1,
      queries: [{ expr: queue("warren_queue_messages", "dead"), legend: "{{queue}}" }],
    },
    {
      title: "New dead letters, by reason",
      description: "Within the last hour.",
      queries: [
        {
          expr: 'sum by (service, reason) (increase(warren_dead_letters_total{service=~"$service"}[1h]))',
          legend: "{{service}} {{reason}}",
        },
      ],
    },
    {
      title: "Quarantine",
      description: "Messages that came back often with whoever worked on them gone; they run alone.",
      alarmAt: 1,
      queries: [{ expr: queue("warren_queue_messages", "quarantine"), legend: "{{queue}}" }],
    },
    {
      title: "Retries",
      description: "What failed and waits for its next try.",
      unit: "reqps",
      queries: [
        {
          expr: 'sum by (service) (rate(warren_retries_total{service=~"$service"}[$__rate_interval]))',
          legend: "{{service}}",
        },
      ],
    },
    {
      title: "Outbox: entries",
      description: "Messages that committed with data and are not sent yet, with those that are due later.",
      queries: [{ expr: "store:warren_outbox_entries:max", legend: "{{store}}" }],
    },
    {
      title: "Outbox: age of the oldest entry that is due",
      description: "A second or less while all is well. Rises while the broker is away.",
      unit: "s",
      alarmAt: 60,
      queries: [{ expr: "store:warren_outbox_oldest_age_seconds:max", legend: "{{store}}" }],
    },
  ],
};
