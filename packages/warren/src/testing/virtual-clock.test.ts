import { describe, expect, it } from "vitest";
import { delay } from "../time.ts";
import { virtualClock } from "./virtual-clock.ts";

describe("a virtual clock", () => {
  it("stands still until it is told otherwise", async () => {
    const clock = virtualClock(1_000);
    expect(clock.now()).toBe(1_000);
    await clock.advance(250);
    expect(clock.now()).toBe(1_250);
  });

  it("runs timers in order of time, those of one time in the order they were asked for, each at its own time", async () => {
    const clock = virtualClock(0);
    const ran: string[] = [];
    const note = (name: string) => (): void => void ran.push(`${name} at ${clock.now()}`);
    clock.after(30, note("c"));
    clock.after(10, note("a"));
    clock.after(20, note("b1"));
    clock.after(20, note("b2"));
    clock.after(31, note("later"));
    await clock.advance(30);
    expect(ran).toEqual(["a at 10", "b1 at 20", "b2 at 20", "c at 30"]);
  });

  it("runs what a timer brings up before the next timer: promises, soon work, and nearer timers", async () => {
    const clock = virtualClock(0);
    const ran: string[] = [];
    clock.after(20, () => ran.push("timer at 20"));
    clock.after(10, () => {
      ran.push("timer at 10");
      clock.soon(() => ran.push("soon"));
      void (async () => {
        for (let i = 0; i < 50; i++) await Promise.resolve();
        ran.push("after fifty promises");
        await delay(clock, 5);
        ran.push(`after a delay, at ${clock.now()}`);
      })();
    });
    await clock.advance(20);
    expect(ran).toHaveLength(5);
    expect(ran.slice(0, 1)).toEqual(["timer at 10"]);
    expect(ran.slice(1, 3).toSorted()).toEqual(["after fifty promises", "soon"]);
    expect(ran.slice(3)).toEqual(["after a delay, at 15", "timer at 20"]);
  });

  it("does not run a timer that was cancelled, and cancelling one that ran does nothing", async () => {
    const clock = virtualClock();
    const ran: number[] = [];
    const cancelled = clock.after(10, () => ran.push(1));
    const kept = clock.after(10, () => ran.push(2));
    cancelled.cancel();
    await clock.advance(10);
    kept.cancel();
    await clock.advance(1_000);
    expect(ran).toEqual([2]);
  });

  it("runs soon work by itself, since that takes no time", async () => {
    const clock = virtualClock();
    const ran = await new Promise((resolve) => clock.soon(() => resolve("ran")));
    expect(ran).toBe("ran");
  });

  it("lets time pass once where it is advanced twice at once", async () => {
    const clock = virtualClock(0);
    const times: number[] = [];
    for (const at of [5, 15]) clock.after(at, () => times.push(clock.now()));
    await Promise.all([clock.advance(10), clock.advance(10)]);
    expect([times, clock.now()]).toEqual([[5, 15], 20]);
  });

  it("says so when work does not come to rest", async () => {
    const clock = virtualClock();
    let going = true;
    const again = (): void => {
      if (going) clock.soon(again);
    };
    again();
    await expect(clock.advance(1)).rejects.toThrow("does not come to rest");
    going = false;
  });
});
