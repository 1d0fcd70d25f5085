import { describe, expect, it } from "vitest";
import { pickByShare, seeded, seedFor } from "./random.ts";
import { schedule } from "./schedule.ts";

const rhythm = { lastsMs: [500, 2_000], pauseMs: [700, 2_500], calmMs: 1_000 } as const;
const faults = ["cut", "kill", "freeze"];

describe("the schedule of faults", () => {
  it("is the same for the same seed, and another one for another", () => {
    const once = schedule(7, faults, rhythm, 60_000);
    expect(schedule(7, faults, rhythm, 60_000)).toEqual(once);
    expect(schedule(8, faults, rhythm, 60_000)).not.toEqual(once);
    expect(once.length).toBeGreaterThan(15);
    expect(new Set(once.map(({ fault }) => fault))).toEqual(new Set(faults));
  });

  it("keeps to its rhythm and its time", () => {
    const blows = schedule(3, faults, rhythm, 30_000);
    expect(blows[0]!.afterMs).toBe(1_000);
    for (const { afterMs, lastsMs } of blows.slice(1)) {
      expect(afterMs).toBeGreaterThanOrEqual(700);
      expect(afterMs).toBeLessThanOrEqual(2_500);
      expect(lastsMs).toBeGreaterThanOrEqual(500);
      expect(lastsMs).toBeLessThanOrEqual(2_000);
    }
    const total = blows.reduce((sum, { afterMs, lastsMs }) => sum + afterMs + lastsMs, 0);
    expect(total).toBeLessThanOrEqual(30_000);
  });

  it("has one fault in the shortest run, and none where there is none to choose", () => {
    expect(schedule(1, faults, rhythm, 1)).toHaveLength(1);
    expect(schedule(1, [], rhythm, 60_000)).toEqual([]);
  });
});

describe("seeded chance", () => {
  it("repeats itself, is spread evenly, and differs from part to part", () => {
    const [one, same] = [seeded(5), seeded(5)];
    const drawn = Array.from({ length: 10_000 }, one);
    expect(Array.from({ length: 10_000 }, same)).toEqual(drawn);
    expect(drawn.filter((value) => value < 0.1).length).toBeGreaterThan(900);
    expect(drawn.filter((value) => value < 0.1).length).toBeLessThan(1_100);
    expect(seedFor(5, "publisher-1")).not.toBe(seedFor(5, "publisher-2"));
  });

  it("picks kinds by their shares", () => {
    const random = seeded(9);
    const counts: Record<string, number> = {};
    for (let i = 0; i < 10_000; i++) {
      const kind = pickByShare(random, { often: 3, seldom: 1 });
      counts[kind] = (counts[kind] ?? 0) + 1;
    }
    expect(counts.often! / counts.seldom!).toBeGreaterThan(2.7);
    expect(counts.often! / counts.seldom!).toBeLessThan(3.3);
  });
});
