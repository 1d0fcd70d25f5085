import type { Dashboard } from "../dashboard.ts";
import { service } from "./variables.ts";

export const services: Dashboard = {
  uid: "warren-services",
  title: "Warren: services and instances",
  description: "What runs, in which version, and whether it takes work.",
  variables: [service],
  panels: [
    {
      title: "Instances",
      description: "Running instances of the services chosen.",
      kind: "number",
      width: 6,
      queries: [{ expr: 'sum(warren_instances{service=~"$service"})' }],
    },
    {
      title: "Processes not ready",
      description: "They run and take no work: /health/ready says why.",
      kind: "number",
      width: 6,
      alarmAt: 1,
      queries: [{ expr: "count(warren_ready == 0) or 0 * count(warren_ready)" }],
    },
    {
      title: "Processes down",
      description: "Prometheus cannot read their metrics.",
      kind: "number",
      width: 6,
      alarmAt: 1,
      queries: [{ expr: 'count(up{job="warren"} == 0) or 0 * count(up{job="warren"})' }],
    },
    {
      title: "Handlers at work",
      description: "Calls, events and steps that run right now.",
      kind: "number",
      width: 6,
      queries: [{ expr: 'sum(warren_handlers_active{service=~"$service"})' }],
    },
    {
      title: "Instances by service",
      description: "A fall to nothing is an outage of that service.",
      kind: "stacked",
      queries: [
        { expr: 'count by (service) (warren_instances{service=~"$service"})', legend: "{{service}}" },
      ],
    },
    {
      title: "Instances by version",
      description:
        "Two versions of a service side by side: a release that is under way, or was left halfway.",
      kind: "stacked",
      queries: [
        {
          expr: 'count by (service, version) (warren_instances{service=~"$service"})',
          legend: "{{service}} {{version}}",
        },
      ],
    },
    {
      title: "Ready",
      description: "1 where a process consumes and reaches its stores.",
      queries: [{ expr: "warren_ready", legend: "{{instance}}" }],
    },
    {
      title: "Handlers at work, by service",
      description: "At its limit all the time: the service needs more instances.",
      queries: [
        {
          expr: 'sum by (service) (warren_handlers_active{service=~"$service"})',
          legend: "{{service}}",
        },
      ],
    },
    {
      title: "Instances as the directory knows them",
      description: "What the processes tell each other, instead of what Prometheus sees.",
      queries: [
        { expr: "max by (type) (microservices_workers_total)", legend: "{{type}}" },
        { expr: "max(microservices_connected_workers)", legend: "all" },
      ],
    },
    {
      title: "Running since",
      description:
        "How long each process has been running. Short times again and again: it ends and is started.",
      unit: "s",
      queries: [{ expr: 'time() - process_start_time_seconds{job="warren"}', legend: "{{instance}}" }],
    },
    {
      title: "Every instance",
      description:
        "Instance ids as they stand in logs (exported_instance), with the process that Prometheus reads (instance).",
      kind: "table",
      width: 24,
      queries: [{ expr: 'warren_instances{service=~"$service"}' }],
    },
  ],
};
