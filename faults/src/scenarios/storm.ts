import {
  isolateOne,
  killFollower,
  killLeader,
  ring,
  stopAppOfLeader,
  transferLeader,
} from "./cluster-faults.ts";
import {
  blackhole,
  closeConnections,
  crashChannels,
  cutInFrame,
  cutLines,
  refuseLines,
} from "./line-faults.ts";
import { duplicates, garbage } from "./message-faults.ts";
import { diskAlarm, freezeNode, killNode, memoryAlarm, restartNode, restartVhost } from "./node-faults.ts";
import {
  freezePublisher,
  freezeWorkers,
  killAllWorkers,
  killPublisher,
  killWorker,
  rollWorkers,
} from "./process-faults.ts";
import { deadLetteringMs, type Load, type Scenario, settledMs } from "./scenario.ts";
import { limitQueue, removeBinding } from "./topology-faults.ts";

const load: Partial<Load> = {
  heartbeatSeconds: 1,
  perSecond: 200,
  mix: {
    ok: 0.797,
    slow: 0.1,
    flaky: 0.08,
    failing: 0.01,
    refused: 0.01,
    "killing-after": 0.001,
    "killing-retry": 0.002,
  },
};
const processes = [killWorker, killAllWorkers, killPublisher, freezeWorkers, freezePublisher, rollWorkers];

/** Group 12: everything at once, as chance has it. */
export const stormScenarios: readonly Scenario[] = [
  {
    name: "storm",
    about:
      "all faults of one node, of lines, of processes, of topology and of messages, as the seed has them",
    group: "12",
    nodes: 1,
    proxied: true,
    load,
    faults: [
      ...processes,
      ...[restartNode, killNode, freezeNode, memoryAlarm, diskAlarm, restartVhost],
      ...[cutLines, cutInFrame, blackhole, refuseLines, closeConnections, crashChannels],
      ...[limitQueue, removeBinding, garbage, duplicates],
    ],
    rhythm: { calmMs: settledMs, lastsMs: [200, 2_500], pauseMs: [300, 2_000] },
    seconds: 40,
    patienceMs: deadLetteringMs,
  },
  {
    name: "storm-cluster",
    about: "the same with a cluster of three, its leader and its partitions",
    group: "12",
    nodes: 3,
    proxied: true,
    load: { ...load, perSecond: 120 },
    faults: [
      ...processes,
      ...[killLeader, killFollower, stopAppOfLeader, transferLeader, isolateOne, ring, memoryAlarm],
      ...[cutLines, blackhole, closeConnections, limitQueue, garbage, duplicates],
    ],
    rhythm: { calmMs: settledMs, lastsMs: [500, 4_000], pauseMs: [500, 2_000] },
    seconds: 40,
    patienceMs: deadLetteringMs,
  },
];
