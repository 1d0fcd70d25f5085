import type { Dashboard } from "../dashboard.ts";
import { instance } from "./variables.ts";

const chosen = '{job="warren", instance=~"$instance"}';

export const processes: Dashboard = {
  uid: "warren-processes",
  title: "Warren: processes",
  description: "What the processes use: processor, memory, event loop, files.",
  variables: [instance],
  panels: [
    {
      title: "Processor",
      description: "Cores in use. Node.js runs handlers on one: near 1, start more instances.",
      unit: "percentunit",
      queries: [
        { expr: `rate(process_cpu_seconds_total${chosen}[$__rate_interval])`, legend: "{{instance}}" },
      ],
    },
    {
      title: "Processor, by user and system",
      description: "Much system time: many small reads and writes, or a machine that swaps.",
      unit: "percentunit",
      queries: [
        {
          expr: `rate(process_cpu_user_seconds_total${chosen}[$__rate_interval])`,
          legend: "{{instance}} user",
        },
        {
          expr: `rate(process_cpu_system_seconds_total${chosen}[$__rate_interval])`,
          legend: "{{instance}} system",
        },
      ],
    },
    {
      title: "Memory",
      description: "Resident memory. What only rises is a leak.",
      unit: "bytes",
      queries: [{ expr: `process_resident_memory_bytes${chosen}`, legend: "{{instance}}" }],
    },
    {
      title: "Heap",
      description: "What JavaScript uses, what V8 took for it, and buffers outside of it.",
      unit: "bytes",
      queries: [
        { expr: `nodejs_heap_size_used_bytes${chosen}`, legend: "{{instance}} used" },
        { expr: `nodejs_heap_size_total_bytes${chosen}`, legend: "{{instance}} total" },
        { expr: `nodejs_external_memory_bytes${chosen}`, legend: "{{instance}} external" },
      ],
    },
    {
      title: "Delay of the event loop",
      description:
        "With the 10 ms of the timer that measures it. Above that, synchronous work holds everything up.",
      unit: "s",
      alarmAt: 0.2,
      queries: [
        { expr: `nodejs_eventloop_lag_p50_seconds${chosen}`, legend: "{{instance}} p50" },
        { expr: `nodejs_eventloop_lag_p99_seconds${chosen}`, legend: "{{instance}} p99" },
        { expr: `nodejs_eventloop_lag_max_seconds${chosen}`, legend: "{{instance}} max" },
      ],
    },
    {
      title: "Event loop: mean delay, and lag now",
      description: "The lag is what one turn took at the moment of the reading.",
      unit: "s",
      queries: [
        { expr: `nodejs_eventloop_lag_mean_seconds${chosen}`, legend: "{{instance}} mean" },
        { expr: `nodejs_eventloop_lag_seconds${chosen}`, legend: "{{instance}} lag" },
      ],
    },
    {
      title: "Use of the event loop",
      description: 'Share of time that it was not idle. The best figure for "is this process full".',
      unit: "percentunit",
      queries: [{ expr: `nodejs_eventloop_utilization${chosen}`, legend: "{{instance}}" }],
    },
    {
      title: "Garbage collection",
      description: "Share of time spent on it, by kind.",
      unit: "percentunit",
      queries: [
        {
          expr: `sum by (instance, kind) (rate(nodejs_gc_duration_seconds_sum${chosen}[$__rate_interval]))`,
          legend: "{{instance}} {{kind}}",
        },
      ],
    },
    {
      title: "Open files and resources",
      description: "What only rises is a leak of connections or timers.",
      queries: [
        { expr: `process_open_fds${chosen}`, legend: "{{instance}} files" },
        { expr: `nodejs_active_resources_total${chosen}`, legend: "{{instance}} resources" },
      ],
    },
    {
      title: "Starts within an hour",
      description: "More than after a release: the process ends by itself.",
      queries: [{ expr: `changes(process_start_time_seconds${chosen}[1h])`, legend: "{{instance}}" }],
    },
    {
      title: "Versions of Node.js",
      description: "Processes by version.",
      kind: "table",
      width: 24,
      queries: [{ expr: `count by (version) (nodejs_version_info${chosen})` }],
    },
  ],
};
