import { describe, expect, it } from "vitest";
import { Fault } from "../fault.ts";
import { checkRetry, nextStep, tierFor, tiersOf } from "./policy.ts";
import { retryAfter } from "./retry-after.ts";

const failure = new Error("it happens");
const most = (): number => 0.999_999;

describe("what follows a failed try", () => {
  it("is another one after a wait between none and a ceiling that doubles up to its cap", () => {
    const policy = { attempts: 20, baseMs: 100, capMs: 1_000 };
    const longest = [1, 2, 3, 4, 5, 19].map((attempt) => nextStep(policy, attempt, failure, most));
    expect(longest.map((next) => next.step === "later" && Math.ceil(next.delayMs))).toEqual([
      100, 200, 400, 800, 1_000, 1_000,
    ]);
    expect(nextStep(policy, 3, failure, () => 0)).toEqual({ step: "later", delayMs: 0 });
  });

  it("is none when there were as many as the policy allows", () => {
    expect(nextStep({ attempts: 3 }, 2, failure, most).step).toBe("later");
    expect(nextStep({ attempts: 3 }, 3, failure, most).step).toBe("give-up");
    expect(nextStep({ attempts: 1, immediate: 1 }, 1, failure, most).step).toBe("give-up");
  });

  it("comes at once as often as the policy says, and begins with the shortest wait after that", () => {
    const policy = { attempts: 9, immediate: 2, baseMs: 100, capMs: 1_000 };
    const steps = [1, 2, 3, 4].map((attempt) => nextStep(policy, attempt, failure, most));
    expect(steps.map(({ step }) => step)).toEqual(["at-once", "at-once", "later", "later"]);
    expect(steps.map((next) => "delayMs" in next && Math.ceil(next.delayMs))).toEqual([20, 20, 100, 200]);
  });

  it("is not before the time that the error names, nor at once then", () => {
    const policy = { attempts: 5, immediate: 2, baseMs: 100, capMs: 1_000 };
    expect(nextStep(policy, 1, retryAfter(7_000), most)).toEqual({ step: "later", delayMs: 7_000 });
    expect(nextStep(policy, 5, retryAfter(7_000), most).step).toBe("give-up");
    const remote = new Fault("OVERLOADED", { retryAfterMs: 10 ** 12 }, { from: "stock" });
    expect(nextStep(policy, 1, remote, most)).toEqual({ step: "later", delayMs: 86_400_000 });
  });

  it("is decided by the kind of error", () => {
    const stepOf = (error: unknown): string => nextStep({}, 1, error, most).step;
    expect([failure, "text", undefined, null, {}].map(stepOf)).toEqual(Array(5).fill("later"));
    const passing = ["TIMEOUT", "UNAVAILABLE", "OVERLOADED", "INTERNAL", "UNKNOWN_OUTCOME", "STOPPED"];
    expect(passing.map((code) => stepOf(new Fault(code, {}, { from: "stock" })))).toEqual(
      passing.map(() => "later"),
    );
    const final = ["OUT_OF_STOCK", "INVALID_INPUT", "FORBIDDEN", "UNAUTHENTICATED", "TOO_LARGE", "BAD_REPLY"];
    expect(final.map((code) => stepOf(new Fault(code, {})))).toEqual(final.map(() => "give-up"));
  });

  it("is decided by the policy where that says which errors may pass", () => {
    const policy = { when: (error: unknown) => error === failure };
    expect(nextStep(policy, 1, failure, most).step).toBe("later");
    expect(nextStep(policy, 1, new Error("another"), most).step).toBe("give-up");
    expect(nextStep({ when: () => true }, 1, new Fault("OUT_OF_STOCK", {}), most).step).toBe("later");
  });
});

it("a policy of nothing but gaps is the usual one", () => {
  const gaps = {
    attempts: undefined,
    immediate: undefined,
    baseMs: undefined,
    capMs: undefined,
    when: undefined,
  };
  const policy = gaps as never;
  expect(nextStep(policy, 9, failure, most)).toEqual(nextStep({}, 9, failure, most));
  expect(nextStep(policy, 10, failure, most).step).toBe("give-up");
  expect(tiersOf(policy)).toEqual(tiersOf({}));
});

it("a wait takes the shortest delay queue that is long enough, at most a day", () => {
  expect([0, 1, 100, 101, 999, 60_000, 10 ** 12].map(tierFor)).toEqual([
    100, 100, 100, 250, 1_000, 60_000, 86_400_000,
  ]);
});

it.each([
  [{}, [100, 250, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 30_000, 60_000]],
  [{ attempts: 3, baseMs: 150 }, [100, 250, 500]],
  [{ attempts: 2, baseMs: 1, capMs: 1 }, [100]],
  [{ attempts: 3, immediate: 2 }, []],
  [{ attempts: 1 }, []],
])("the delay queues that %j may need are known beforehand", (policy, tiers) => {
  expect(tiersOf(policy)).toEqual(tiers);
});

it.each([
  [{ attempts: 0 }, "retry.attempts is 0"],
  [{ attempts: Number.NaN }, "retry.attempts is NaN"],
  [{ immediate: -1 }, "retry.immediate is -1"],
  [{ immediate: 11 }, "retry.immediate is 11"],
  [{ baseMs: 0.5 }, "retry.baseMs is 0.5"],
  [{ capMs: Number.POSITIVE_INFINITY }, "retry.capMs is Infinity"],
  [{ when: true as never }, "retry.when is no function"],
])("a policy of %j is refused", (policy, text) => {
  expect(() => checkRetry('Service "mail"', policy)).toThrow(`Service "mail": ${text}`);
});

it.each([0, -1, Number.NaN, Number.POSITIVE_INFINITY, 86_400_001])(
  "a delay of %d ms is refused",
  (delayMs) => {
    expect(() => retryAfter(delayMs)).toThrow(RangeError);
  },
);
