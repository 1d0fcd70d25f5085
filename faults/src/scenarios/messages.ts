import { duplicates, garbage, oversized } from "./message-faults.ts";
import { killWorker } from "./process-faults.ts";
import type { Scenario } from "./scenario.ts";

/** Groups 9 and 10: messages that nobody can use, and consumers that do not keep up. */
export const messageScenarios: readonly Scenario[] = [
  {
    name: "poison",
    about: "bad JSON, unknown types, invalid and oversized messages, handlers that throw, hang or refuse",
    group: "9",
    nodes: 1,
    load: {
      mix: { ok: 0.94, flaky: 0.02, failing: 0.02, refused: 0.01, hanging: 0.01 },
      attempts: 3,
      timeoutMs: 500,
    },
    faults: [garbage, garbage, garbage, oversized],
    rhythm: { lastsMs: [0, 0], pauseMs: [200, 500] },
    demands: { noneDragged: true },
  },
  {
    name: "deadly",
    about: "messages that kill every process that tries them; their neighbours are not taken along",
    group: "9",
    nodes: 1,
    load: { mix: { ok: 0.999, deadly: 0.001 }, perSecond: 100 },
    faults: [],
    demands: { noneDragged: true },
    seconds: 12,
  },
  {
    name: "blocking",
    about:
      "messages that block every process that tries them, until the broker gives it up and a probe kills it",
    group: "9",
    nodes: 1,
    load: { mix: { ok: 0.999, blocking: 0.001 }, perSecond: 75, heartbeatSeconds: 1 },
    faults: [],
    demands: { noneDragged: true },
    seconds: 8,
  },
  {
    name: "duplicates",
    about: "another program publishes every message twice, and workers are killed",
    group: "10",
    nodes: 1,
    faults: [duplicates, killWorker],
    rhythm: { lastsMs: [0, 0], pauseMs: [300, 1_000] },
  },
  {
    name: "slow-consumer",
    about: "one worker, one message at a time, ten times too slow for what is published; then it is killed",
    group: "10",
    nodes: 1,
    load: { workers: 1, prefetch: 1, mix: { slow: 1 }, slowMs: 4, perSecond: 300 },
    faults: [killWorker],
    rhythm: { lastsMs: [0, 0], pauseMs: [2_500, 4_000] },
    seconds: 8,
  },
  {
    name: "backlog",
    about:
      "20,000 messages wait before the workers start, which take 2,000 at a time and are killed; at most 150 MiB each",
    group: "10",
    nodes: 1,
    load: { backlog: 10_000, perSecond: 4_000, inFlight: 1_500, prefetch: 2_000, mix: { ok: 1 } },
    faults: [killWorker],
    rhythm: { lastsMs: [0, 0], pauseMs: [300, 800] },
    demands: { workerMib: 150 },
    seconds: 4,
  },
];
