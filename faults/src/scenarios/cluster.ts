import {
  flap,
  freezeLeader,
  isolateAll,
  isolateLeader,
  isolateOne,
  killAllNodes,
  killFollower,
  killLeader,
  ring,
  rollNodes,
  stopAppOfLeader,
  transferLeader,
} from "./cluster-faults.ts";
import { type Load, type Scenario, settledMs } from "./scenario.ts";

/** Three nodes share two cores with everything else here. */
const load: Partial<Load> = { perSecond: 150 };

/** Groups 4 and 5 with three nodes. */
export const clusterScenarios: readonly Scenario[] = [
  {
    name: "leader-killed",
    about: "kill -9 of the node that leads the queue of events",
    group: "4",
    nodes: 3,
    load,
    faults: [killLeader],
    rhythm: { calmMs: settledMs, lastsMs: [1_000, 3_000], pauseMs: [2_000, 3_000] },
    seconds: 16,
  },
  {
    name: "follower-killed",
    about: "kill -9 of a node that only follows",
    group: "4",
    nodes: 3,
    load,
    faults: [killFollower],
    rhythm: { calmMs: settledMs, lastsMs: [1_000, 3_000], pauseMs: [2_000, 3_000] },
    seconds: 14,
  },
  {
    name: "nodes-rolled",
    about: "every node ends in order and starts again, one after the other",
    group: "4",
    nodes: 3,
    load,
    faults: [rollNodes],
    rhythm: { lastsMs: [0, 0] },
    seconds: 20,
  },
  {
    name: "nodes-all-killed",
    about: "kill -9 of all three at once, and their start",
    group: "4",
    nodes: 3,
    load,
    faults: [killAllNodes],
    rhythm: { calmMs: settledMs, lastsMs: [500, 1_000], pauseMs: [3_000, 4_000] },
    seconds: 16,
  },
  {
    name: "leader-moved",
    about: "stop_app and SIGSTOP of the leader, and transfers of the lead",
    group: "4",
    nodes: 3,
    load: { ...load, heartbeatSeconds: 2 },
    faults: [stopAppOfLeader, transferLeader, freezeLeader],
    rhythm: { lastsMs: [1_000, 6_000], pauseMs: [1_500, 3_000] },
    seconds: 20,
  },
  {
    name: "leader-cut-off",
    about: "a partition with the leader on the side of the minority",
    group: "5",
    nodes: 3,
    load,
    faults: [isolateLeader],
    rhythm: { lastsMs: [3_000, 6_000], pauseMs: [2_000, 3_000] },
    seconds: 20,
  },
  {
    name: "cluster-cut",
    about:
      "partitions: one node alone, every node alone, two of three that do not reach each other, flapping",
    group: "5",
    nodes: 3,
    load,
    faults: [isolateOne, isolateAll, ring, flap],
    rhythm: { lastsMs: [2_000, 5_000], pauseMs: [2_000, 3_000] },
    seconds: 30,
  },
];
