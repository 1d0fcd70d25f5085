import { killLeader, stopAppOfLeader } from "./cluster-faults.ts";
import { blackhole, cutLines, refuseLines } from "./line-faults.ts";
import { killNode, restartNode } from "./node-faults.ts";
import { freezeWorker, killAllWorkers, killWorker, rollWorkers } from "./process-faults.ts";
import { type Demands, deadLetteringMs, type Load, type Scenario, settledMs } from "./scenario.ts";

/** Few keys with much behind each; failed ones are tried again in place, and refused ones leave gaps. */
const load: Partial<Load> = {
  inOrder: true,
  keys: 30,
  perSecond: 100,
  mix: { ok: 0.79, slow: 0.1, flaky: 0.1, refused: 0.01 },
};
const demands: Demands = { inOrder: true };

/** Group 11: reactions in order by key, under what breaks order elsewhere. */
export const orderScenarios: readonly Scenario[] = [
  {
    name: "ordered-workers-killed",
    about:
      "reactions in order: kill -9 of one worker or all, SIGTERM of each in turn, handlers that kill theirs",
    group: "11",
    nodes: 1,
    load: {
      ...load,
      mix: { ...load.mix, "killing-before": 0.001, "killing-after": 0.001 },
    },
    faults: [killWorker, killAllWorkers, rollWorkers],
    rhythm: { lastsMs: [0, 0], pauseMs: [600, 1_800] },
    demands,
    seconds: 14,
  },
  {
    name: "ordered-workers-frozen",
    about: "reactions in order: SIGSTOP of a worker for longer than two heartbeats, while another takes over",
    group: "11",
    nodes: 1,
    load: { ...load, heartbeatSeconds: 1 },
    faults: [freezeWorker],
    rhythm: { lastsMs: [3_000, 4_000], pauseMs: [1_000, 1_500] },
    demands,
    seconds: 14,
  },
  {
    name: "ordered-deadly",
    about:
      "reactions in order: messages that kill every process that tries them; the others are done in order",
    group: "11",
    nodes: 1,
    load: { ...load, mix: { ok: 0.799, slow: 0.1, flaky: 0.1, deadly: 0.001 } },
    faults: [],
    demands: { ...demands, noneDragged: true },
    seconds: 8,
  },
  {
    name: "ordered-lines-cut",
    about: "reactions in order: TCP resets, refused and half-open connections",
    group: "11",
    nodes: 1,
    proxied: true,
    load: { ...load, heartbeatSeconds: 1 },
    faults: [cutLines, refuseLines, cutLines, blackhole],
    rhythm: { lastsMs: [0, 2_500], pauseMs: [500, 1_500] },
    demands,
    seconds: 14,
  },
  {
    name: "ordered-node-restarted",
    about: "reactions in order: the only node restarts or is killed",
    group: "11",
    nodes: 1,
    load,
    faults: [restartNode, killNode],
    rhythm: { calmMs: settledMs, lastsMs: [200, 1_000], pauseMs: [2_000, 3_000] },
    demands,
    seconds: 18,
  },
  {
    name: "ordered-leader-killed",
    about: "reactions in order: kill -9 and stop_app of the node that leads their queue",
    group: "11",
    nodes: 3,
    load: { ...load, perSecond: 60 },
    patienceMs: deadLetteringMs,
    faults: [killLeader, stopAppOfLeader],
    rhythm: { calmMs: settledMs, lastsMs: [1_000, 2_500], pauseMs: [2_000, 3_000] },
    demands,
    seconds: 18,
  },
];
