import {
  freezePublisher,
  freezeWorkers,
  killAllWorkers,
  killPublisher,
  killWorker,
  rollWorkers,
} from "./process-faults.ts";
import type { Scenario } from "./scenario.ts";

/** Groups 1 to 3: what happens to the processes that use Warren. */
export const processScenarios: readonly Scenario[] = [
  {
    name: "worker-killed",
    about: "kill -9 of a worker at any moment, with most messages in hand for a while",
    group: "1",
    nodes: 1,
    load: { mix: { ok: 0.3, slow: 0.6, flaky: 0.1 } },
    faults: [killWorker],
    rhythm: { lastsMs: [0, 0], pauseMs: [400, 1_500] },
  },
  {
    name: "workers-killed-in-handler",
    about:
      "messages that kill their worker once: before the effect, after it, and while a retry is on its way",
    group: "1",
    nodes: 1,
    load: {
      perSecond: 150,
      mix: { ok: 0.992, "killing-before": 0.002, "killing-after": 0.002, "killing-retry": 0.004 },
      prefetch: 20,
    },
    faults: [],
  },
  {
    name: "workers-killed-retrying",
    about: "kill -9 of all workers at any moment, while a third of the messages is being retried",
    group: "1",
    nodes: 1,
    load: { mix: { ok: 0.6, flaky: 0.35, failing: 0.05 } },
    faults: [killAllWorkers],
    rhythm: { lastsMs: [0, 0], pauseMs: [800, 2_000] },
  },
  {
    name: "publisher-killed",
    about: "kill -9 of a publisher with hundreds of messages unconfirmed",
    group: "2",
    nodes: 1,
    faults: [killPublisher],
    rhythm: { lastsMs: [0, 0], pauseMs: [600, 1_500] },
  },
  {
    name: "workers-frozen",
    about:
      "SIGSTOP of all workers for longer than two heartbeats, then SIGCONT: old deliveries are settled late",
    group: "3",
    nodes: 1,
    load: { heartbeatSeconds: 1, mix: { ok: 0.5, slow: 0.5 }, slowMs: 200 },
    faults: [freezeWorkers],
    rhythm: { lastsMs: [3_500, 5_000], pauseMs: [1_500, 2_500] },
    seconds: 14,
  },
  {
    name: "publisher-frozen",
    about: "SIGSTOP of a publisher for longer than two heartbeats, then SIGCONT",
    group: "3",
    nodes: 1,
    load: { heartbeatSeconds: 1 },
    faults: [freezePublisher],
    rhythm: { lastsMs: [3_500, 5_000], pauseMs: [1_500, 2_500] },
    seconds: 14,
  },
  {
    name: "workers-rolled",
    about: "SIGTERM of each worker in turn under load, with calls: none fails, none runs twice",
    group: "3",
    nodes: 1,
    load: { callsPerSecond: 100, mix: { ok: 0.6, slow: 0.35, flaky: 0.05 } },
    faults: [rollWorkers],
    rhythm: { lastsMs: [0, 0], pauseMs: [500, 1_000] },
    demands: { calls: true },
    seconds: 12,
  },
];
