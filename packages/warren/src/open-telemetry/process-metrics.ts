import { readdirSync } from "node:fs";
import {
  constants,
  type ELDHistogram,
  monitorEventLoopDelay,
  type PerformanceEntry,
  PerformanceObserver,
  performance,
} from "node:perf_hooks";
import type { BatchObservableResult, Meter, Observable } from "@opentelemetry/api";
import type { Clock } from "../time.ts";

/** What is read of the process at one collection. */
type Observe = (result: BatchObservableResult) => void | Promise<void>;

/**
 * Measures this process under the names, types and units that prom-client's default metrics have, which most dashboards
 * for Node.js know.
 * @returns what ends it
 */
export function processMetrics(meter: Meter, clock: Clock): () => void {
  usage(meter);
  openFiles(meter);
  loopLag(meter, clock);
  const ends = [loopDelays(meter), garbage(meter)];
  return () => {
    for (const end of ends) end();
  };
}

function observing(meter: Meter, instruments: Observable[], observe: Observe): void {
  meter.addBatchObservableCallback(observe, instruments);
}

function usage(meter: Meter): void {
  const counter = (name: string, description: string) => meter.createObservableCounter(name, { description });
  const gauge = (name: string, description: string) => meter.createObservableGauge(name, { description });
  const user = counter("process_cpu_user_seconds_total", "Total user CPU time spent in seconds.");
  const system = counter("process_cpu_system_seconds_total", "Total system CPU time spent in seconds.");
  const cpu = counter("process_cpu_seconds_total", "Total user and system CPU time spent in seconds.");
  const resident = gauge("process_resident_memory_bytes", "Resident memory size in bytes.");
  const heapTotal = gauge("nodejs_heap_size_total_bytes", "Process heap size from Node.js in bytes.");
  const heapUsed = gauge("nodejs_heap_size_used_bytes", "Process heap size used from Node.js in bytes.");
  const external = gauge("nodejs_external_memory_bytes", "Node.js external memory size in bytes.");
  const started = gauge(
    "process_start_time_seconds",
    "Start time of the process since unix epoch in seconds.",
  );
  const resources = gauge("nodejs_active_resources_total", "Total number of active resources.");
  const version = gauge("nodejs_version_info", "Node.js version info.");
  const startedAt = Math.round(performance.timeOrigin / 1_000);
  const [major, minor, patch] = process.versions.node.split(".");
  const versions = { version: process.version, major: major!, minor: minor!, patch: patch! };
  const all = [user, system, cpu, resident, heapTotal, heapUsed, external, started, resources, version];
  observing(meter, all, (result) => {
    const spent = process.cpuUsage();
    result.observe(user, spent.user / 1e6);
    result.observe(system, spent.system / 1e6);
    result.observe(cpu, (spent.user + spent.system) / 1e6);
    const memory = process.memoryUsage();
    result.observe(resident, memory.rss);
    result.observe(heapTotal, memory.heapTotal);
    result.observe(heapUsed, memory.heapUsed);
    result.observe(external, memory.external);
    result.observe(started, startedAt);
    result.observe(resources, process.getActiveResourcesInfo().length);
    result.observe(version, 1, versions);
  });
}

/** Only Linux says how many. */
function openFiles(meter: Meter): void {
  if (process.platform !== "linux") return;
  const open = meter.createObservableGauge("process_open_fds", {
    description: "Number of open file descriptors.",
  });
  // Without the one that reads the folder.
  observing(meter, [open], (result) => result.observe(open, readdirSync("/proc/self/fd").length - 1));
}

/** How long the loop takes to come to what waits for it, right now. */
function loopLag(meter: Meter, clock: Clock): void {
  const lag = meter.createObservableGauge("nodejs_eventloop_lag_seconds", {
    description: "Lag of event loop in seconds.",
  });
  const steady = (): number => clock.steady?.() ?? clock.now();
  observing(meter, [lag], async (result) => {
    const began = steady();
    await new Promise<void>((resolve) => clock.soon(resolve));
    result.observe(lag, (steady() - began) / 1_000);
  });
}

const delaysInSeconds: Readonly<Record<string, readonly [string, (delays: ELDHistogram) => number]>> = {
  min: ["The minimum recorded event loop delay.", (delays) => delays.min],
  max: ["The maximum recorded event loop delay.", (delays) => delays.max],
  mean: ["The mean of the recorded event loop delays.", (delays) => delays.mean],
  stddev: ["The standard deviation of the recorded event loop delays.", (delays) => delays.stddev],
  p50: ["The 50th percentile of the recorded event loop delays.", (delays) => delays.percentile(50)],
  p90: ["The 90th percentile of the recorded event loop delays.", (delays) => delays.percentile(90)],
  p99: ["The 99th percentile of the recorded event loop delays.", (delays) => delays.percentile(99)],
};

/** The delays since the last collection, with the 10 ms of the timer that finds them; and the share of time in use. */
function loopDelays(meter: Meter): () => void {
  const delays = monitorEventLoopDelay({ resolution: 10 });
  delays.enable();
  let last = performance.eventLoopUtilization();
  let used = 0;
  const figures = Object.entries(delaysInSeconds).map(([figure, [description, of]]) => ({
    gauge: meter.createObservableGauge(`nodejs_eventloop_lag_${figure}_seconds`, { description }),
    of,
    seconds: 0,
  }));
  const utilization = meter.createObservableGauge("nodejs_eventloop_utilization", {
    description: "Share of time since the last collection that the event loop was not idle, from 0 to 1.",
  });
  observing(meter, [...figures.map(({ gauge }) => gauge), utilization], (result) => {
    // Two that collect at the same moment see the same: there was nothing to measure between them.
    if (delays.count > 0) {
      for (const figure of figures) figure.seconds = figure.of(delays) / 1e9;
      delays.reset();
      const now = performance.eventLoopUtilization();
      used = performance.eventLoopUtilization(now, last).utilization;
      last = now;
    }
    for (const { gauge, seconds } of figures) result.observe(gauge, seconds);
    result.observe(utilization, used);
  });
  return () => void delays.disable();
}

const kinds: Readonly<Record<number, string>> = {
  [constants.NODE_PERFORMANCE_GC_MAJOR]: "major",
  [constants.NODE_PERFORMANCE_GC_MINOR]: "minor",
  [constants.NODE_PERFORMANCE_GC_INCREMENTAL]: "incremental",
  [constants.NODE_PERFORMANCE_GC_WEAKCB]: "weakcb",
};

/** What Node.js says of a garbage collection; its types leave the kind out. */
type GarbageEntry = PerformanceEntry & { readonly detail: { readonly kind: number } };

function garbage(meter: Meter): () => void {
  const durations = meter.createHistogram("nodejs_gc_duration_seconds", {
    description: "Garbage collection duration by kind, one of major, minor, incremental or weakcb.",
    advice: { explicitBucketBoundaries: [0.001, 0.01, 0.1, 1, 2, 5] },
  });
  const observer = new PerformanceObserver((list) => {
    for (const { duration, detail } of list.getEntries() as GarbageEntry[]) {
      const kind = kinds[detail.kind];
      if (kind !== undefined) durations.record(duration / 1_000, { kind });
    }
  });
  observer.observe({ entryTypes: ["gc"] });
  return () => observer.disconnect();
}
