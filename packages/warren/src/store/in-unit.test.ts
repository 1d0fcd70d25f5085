import { describe, expect, it } from "vitest";
import { AlreadyDone } from "../inbox/already-done.ts";
import type { Inbox } from "../inbox/inbox.ts";
import type { Outbox } from "../outbox/outbox.ts";
import type { Sql, Store, Transaction } from "../store.ts";
import { inUnit, onceInUnit } from "./in-unit.ts";
import type { QuickCommits } from "./quick.ts";
import { type Unit, unit } from "./unit.ts";

const mark = { consumer: "stock on orders.placed", messageId: "m" };

/** A unit, and what became of its transaction. */
function given({ isDone = false } = {}): { readonly unit: Unit; readonly seen: string[] } {
  const seen: string[] = [];
  const transaction: Transaction = {
    async query(text) {
      seen.push(text);
      return { rows: [], changes: 1 };
    },
    commit: async () => void seen.push("commit"),
    rollback: async () => void seen.push("rollback"),
  };
  const made = unit({
    store: { begin: async () => transaction } as Partial<Store> as Store,
    outbox: {} as Outbox,
    inbox: { claim: async () => !isDone } as Partial<Inbox> as Inbox,
    quick: { commit: async () => void seen.push("quick") } satisfies QuickCommits,
    mark,
  });
  return { unit: made, seen };
}

const change = async ({ sql }: { readonly sql: Sql }): Promise<number> => {
  await sql.query("change");
  return 7;
};
/** As one does that makes a fault of its own of any error of a statement. */
const hiding = (made: Unit): Promise<never> =>
  change(made).then(
    () => Promise.reject(new Error("it should have failed")),
    () => Promise.reject(new Error("NOT_RESERVED")),
  );

describe("work in a unit", () => {
  it("is committed with what comes last, which is told its result", async () => {
    const { unit, seen } = given();
    const last = async (sql: Sql, result: number) => void (await sql.query(`last ${result}`));
    expect(await inUnit(unit, change, last)).toBe(7);
    expect(seen).toEqual(["change", "last 7", "commit"]);
  });

  it("needs no transaction of its own where it makes no statement", async () => {
    const { unit, seen } = given();
    expect(await inUnit(unit, () => 7)).toBe(7);
    expect(seen).toEqual(["quick"]);
  });

  it("is undone where it fails, and where what comes last does", async () => {
    const failing = given();
    const fail = (made: Unit) => change(made).then(() => Promise.reject(new Error("no paper")));
    await expect(inUnit(failing.unit, fail)).rejects.toThrow("no paper");
    const late = given();
    await expect(inUnit(late.unit, change, () => Promise.reject(new Error("too late")))).rejects.toThrow(
      "too late",
    );
    expect([failing.seen, late.seen]).toEqual([
      ["change", "rollback"],
      ["change", "rollback"],
    ]);
  });

  it("is told to be done already, also where it hides that behind an error of its own", async () => {
    for (const work of [change, hiding]) {
      const { unit, seen } = given({ isDone: true });
      await expect(inUnit(unit, work)).rejects.toThrow(AlreadyDone);
      expect(seen).toEqual(["rollback"]);
    }
  });

  it("that is to be done once is no failure where it is done already, and one where it fails", async () => {
    await onceInUnit(given({ isDone: true }).unit, hiding);
    await expect(onceInUnit(given().unit, () => Promise.reject(new Error("no paper")))).rejects.toThrow(
      "no paper",
    );
  });
});
