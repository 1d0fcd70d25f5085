import { describe, expect, it } from "vitest";
import { contract, type Schedule, service } from "../src/index.ts";
import { cronTimes } from "../src/schedule/times.ts";
import { sqlite } from "../src/sqlite/index.ts";

const shop = contract("shop", { methods: {} });
const day = (text: string): number => Date.parse(text);
const make = (schedule: Partial<Schedule<any>>, name = "nightly") =>
  service(shop, {
    methods: {},
    store: sqlite(),
    schedules: { [name]: { cron: "0 3 * * *", run: () => {}, ...schedule } },
  });

describe("a schedule is refused", () => {
  it.each([
    ["", "five fields"],
    ["0 3 * *", "five fields"],
    ["61 3 * * *", "61"],
    ["0 3 * * * * *", "7"],
    ["0 0 30 2 *", "never"],
    ["2026-03-01T12:00:00Z", "five fields"],
    [7 as never, "five fields"],
  ])("for the cron expression %j", (cron, why) => {
    const making = (): unknown => make({ cron });
    expect(making).toThrow(TypeError);
    expect(making).toThrow(why);
    expect(making).toThrow('Service "shop", schedule "nightly"');
  });
  it.each(["Europe/Nowhere", "", 3 as never])("for the time zone %j", (timeZone) =>
    expect(() => make({ timeZone })).toThrow(/no time zone/),
  );
  it("without a store", () => {
    const making = (): unknown =>
      service(shop, { methods: {}, schedules: { nightly: { cron: "0 3 * * *", run: () => {} } } });
    expect(making).toThrow(TypeError);
    expect(making).toThrow("store");
  });
  it("for a figure, a name or a word that is none", () => {
    expect(() => make({ timeoutMs: 0 })).toThrow("timeoutMs");
    expect(() => make({ retry: { attempts: 0 } })).toThrow("retry.attempts");
    expect(() => make({ ifMissed: "all" as never })).toThrow("ifMissed");
    expect(() => make({ run: undefined as never })).toThrow("run");
    expect(() => make({}, "each night")).toThrow("each night");
  });
});

describe("times", () => {
  it("lists what lies after and up to a moment", () => {
    const times = cronTimes("x", "0 3 * * *", "UTC");
    const three = day("2026-03-01T03:00:00Z");
    expect(times.next(three - 1)).toBe(three);
    expect(times.next(three)).toBe(three + 86_400_000);
    expect(times.latest(three)).toBe(three);
    expect(times.latest(three + 500)).toBe(three);
    expect(times.latest(three - 1)).toBe(three - 86_400_000);
    expect(times.between(three, three + 86_400_000)).toBe(0);
    expect(times.between(three - 1, three + 3 * 86_400_000)).toBe(3);
  });
  it("counts a thousand at the most", () => {
    expect(cronTimes("x", "* * * * * *").between(0, 1e9)).toBe(1_000);
  });
  it("takes a fixed time that the clocks leave out as soon as they have", () => {
    const times = cronTimes("x", "30 2 * * *", "Europe/Berlin");
    const gap = day("2026-03-29T01:00:00Z");
    expect(times.next(day("2026-03-28T12:00:00Z"))).toBe(gap);
    expect(times.next(gap)).toBe(day("2026-03-30T00:30:00Z"));
    expect(times.latest(day("2026-03-29T12:00:00Z"))).toBe(gap);
    expect(times.latest(gap)).toBe(gap);
  });
  it("takes a fixed time that the clocks repeat once", () => {
    const times = cronTimes("x", "30 2 * * *", "Europe/Berlin");
    const first = day("2026-10-25T00:30:00Z");
    expect(times.next(day("2026-10-24T12:00:00Z"))).toBe(first);
    expect(times.next(first)).toBe(day("2026-10-26T01:30:00Z"));
    expect(times.latest(day("2026-10-25T02:00:00Z"))).toBe(first);
  });
  it("lets intervals go on evenly while clocks are changed", () => {
    const times = cronTimes("x", "*/30 * * * *", "Europe/Berlin");
    const from = day("2026-10-25T00:00:00Z");
    expect(times.between(from, from + 3 * 3_600_000)).toBe(5);
    const gap = day("2026-03-29T00:30:00Z");
    expect(times.next(gap)).toBe(gap + 1_800_000);
  });
  it.each(["30 2 * * *", "0 2,14 * * *", "*/20 * * * *", "0 0 29 2 *", "15 10 * * 1-5"])(
    "finds %s the same forwards and backwards",
    (cron) => {
      const times = cronTimes("x", cron, "Europe/Berlin");
      let at = day("2026-03-20T00:00:00Z");
      for (let i = 0; i < 60; i++) {
        const next = times.next(at)!;
        expect(times.latest(next)).toBe(next);
        expect(times.latest(next - 1)! <= at || i === 0).toBe(true);
        at = next;
      }
    },
  );
});
