import { blackhole, cutInFrame, cutLines, cutTwiceAndKill, refuseLines, splitLines } from "./line-faults.ts";
import type { Scenario } from "./scenario.ts";

/** Group 6: what happens to TCP connections. */
export const lineScenarios: readonly Scenario[] = [
  {
    name: "lines-cut",
    about: "TCP resets and refused connections",
    group: "6",
    nodes: 1,
    proxied: true,
    faults: [cutLines, refuseLines],
    rhythm: { lastsMs: [0, 1_000], pauseMs: [500, 1_500] },
  },
  {
    name: "lines-torn",
    about: "TCP resets in the middle of frames, and lines on which every byte comes by itself",
    group: "6",
    nodes: 1,
    proxied: true,
    load: { perSecond: 100 },
    faults: [cutInFrame, cutInFrame, splitLines],
    rhythm: { lastsMs: [300, 1_000], pauseMs: [200, 800] },
  },
  {
    name: "lines-half-open",
    about: "connections stay and nothing passes, for longer than two heartbeats",
    group: "6",
    nodes: 1,
    proxied: true,
    load: { heartbeatSeconds: 1 },
    faults: [blackhole],
    rhythm: { lastsMs: [1_000, 5_000], pauseMs: [1_500, 2_500] },
    seconds: 12,
  },
  {
    name: "lines-cut-and-killed",
    about:
      "two TCP resets while handlers are busy, then kill -9 of the workers: nothing is settled on a later channel",
    group: "1, 6",
    nodes: 1,
    proxied: true,
    load: { mix: { ok: 0.2, slow: 0.8 }, slowMs: 500, prefetch: 20, perSecond: 25 },
    faults: [cutTwiceAndKill],
    rhythm: { lastsMs: [0, 0], pauseMs: [1_000, 2_000] },
    seconds: 14,
  },
];
