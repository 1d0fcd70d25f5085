import { describe, expect, it } from "vitest";
import type { Entry, Happening } from "../history/entry.ts";
import { accounts } from "./accounts.ts";
import { check } from "./check.ts";

const sum = 42;

/** Entries one millisecond apart. */
function history(...happenings: readonly Happening[]): Entry[] {
  return happenings.map((happening, at) => ({ at, ...happening }));
}

function attempted(n: number, more: { kind?: string; key?: string } = {}): Happening {
  return { is: "attempted", id: `p:${n}`, n, key: "k", kind: "ok", sum, ...more };
}
const acknowledged = (n: number): Happening => ({ is: "acknowledged", id: `p:${n}` });
const delivered = (n: number, attempt = 1): Happening => ({
  is: "delivered",
  who: "w",
  id: `p:${n}`,
  attempt,
});
const effect = (n: number, found = sum): Happening => ({ is: "effect", who: "w", id: `p:${n}`, sum: found });
const parked = (n: number, where = "w.dead"): Happening => ({
  is: "parked",
  id: `p:${n}`,
  where,
  reason: "failed",
});

describe("the checker", () => {
  it("finds what was acknowledged and had no effect", () => {
    const verdict = check(
      history(attempted(1), acknowledged(1), attempted(2), acknowledged(2), delivered(2), effect(2)),
    );
    expect(verdict).toMatchObject({ attempted: 2, acknowledged: 2, delivered: 1, effects: 1, lost: ["p:1"] });
  });

  it("counts a delivery without an effect as no reason to be content", () => {
    expect(check(history(attempted(1), acknowledged(1), delivered(1))).lost).toEqual(["p:1"]);
  });

  it("calls nothing lost that was never acknowledged", () => {
    const failed: Happening = { is: "failed", id: "p:2", why: "UNAVAILABLE" };
    expect(check(history(attempted(1), attempted(2), failed))).toMatchObject({ lost: [], failed: 1 });
  });

  it("counts what waits for people as parked, not as lost", () => {
    const verdict = check(history(attempted(1, { kind: "failing" }), acknowledged(1), parked(1)));
    expect(verdict).toMatchObject({ lost: [], parked: 1, dragged: [] });
  });

  it("names dead letters that a good handler would have done", () => {
    const verdict = check(
      history(
        ...[attempted(1), acknowledged(1), parked(1)],
        ...[attempted(2), acknowledged(2), parked(2, "warren.unheard")],
      ),
    );
    expect(verdict.dragged).toEqual(["p:1"]);
  });

  it("finds effects of what nobody published, of what was changed on the way, and of garbage", () => {
    const verdict = check(
      history(
        ...[attempted(1), acknowledged(1), effect(1, 7)],
        effect(2),
        ...[attempted(3, { kind: "garbage" }), effect(3)],
        ...[attempted(4), acknowledged(4), effect(4)],
      ),
    );
    expect(verdict.unexpected).toEqual(["p:1", "p:2", "p:3"]);
  });

  it("counts the same attempt delivered again, and effects had again", () => {
    const verdict = check(
      history(
        attempted(1),
        acknowledged(1),
        delivered(1),
        delivered(1),
        delivered(1, 2),
        effect(1),
        effect(1),
      ),
    );
    expect(verdict).toMatchObject({ duplicated: 1, repeatedEffects: 1, delivered: 1 });
  });

  it("counts first deliveries that a later message of the same key had overtaken", () => {
    const verdict = check(
      history(
        ...[attempted(1), attempted(2), attempted(3), attempted(4, { key: "other" })],
        ...[delivered(4), delivered(2), delivered(1), delivered(3), delivered(1)],
      ),
    );
    expect(verdict.reordered).toBe(1);
  });

  it("names messages that were begun before the one before them was done, unless that was given up", () => {
    const verdict = check(
      history(
        ...[attempted(1), acknowledged(1), attempted(2), acknowledged(2), attempted(3), acknowledged(3)],
        ...[attempted(4), attempted(5), acknowledged(5), attempted(6, { key: "other" }), acknowledged(6)],
        ...[delivered(6), delivered(1), delivered(2), effect(2), effect(1), effect(6)],
        ...[delivered(3, 1), delivered(5), effect(5), delivered(4), effect(4), delivered(2), effect(2)],
      ),
    );
    expect(verdict.begunEarly).toEqual(["p:2"]);
  });

  it("measures the longest time without an effect and each recovery, whatever the order of the files", () => {
    const entries: Entry[] = [
      { at: 0, ...effect(1) },
      { at: 5_000, is: "fault", what: "it" },
      { at: 6_000, is: "healed", what: "it" },
      { at: 7_500, ...effect(2) },
      { at: 7_600, is: "healed", what: "it" },
      { at: 7_700, ...effect(3) },
      { at: 9_000, ...attempted(9) },
    ];
    const verdict = check(entries.toReversed());
    expect(verdict).toMatchObject({ outageMs: 7_500, recoveriesMs: [100, 1_500], faults: 1 });
  });

  it("tells calls that failed and calls that ran twice", () => {
    const verdict = check(
      history(
        ...[{ is: "called", id: "c:1" } as const, { is: "ran", id: "c:1", who: "w" } as const],
        ...[{ is: "ran", id: "c:1", who: "w" } as const, { is: "called", id: "c:2" } as const],
        { is: "unanswered", id: "c:2", why: "TIMEOUT" },
      ),
    );
    expect(verdict).toMatchObject({ calls: 2, callsFailed: ["c:2 (TIMEOUT)"], callsRunTwice: ["c:1"] });
  });
});

describe("the accounts of a run", () => {
  it("are open until every acknowledged message is done or parked, in whatever order that is read", () => {
    const books = accounts();
    books.add(history(attempted(1), attempted(2), attempted(3), effect(2), acknowledged(1), acknowledged(2)));
    expect([...books.open]).toEqual(["p:1"]);
    expect(books.underway).toBe(1);
    books.add(history(parked(1), acknowledged(3), effect(3)));
    expect(books.open.size).toBe(0);
    expect(books.underway).toBe(0);
  });
});
