import { expect, it } from "vitest";
import { inbox } from "../inbox/inbox.ts";
import type { OutboxEntry } from "../outbox/entry.ts";
import type { Outbox } from "../outbox/outbox.ts";
import type { Store, Transaction } from "../store.ts";
import { systemClock } from "../time.ts";
import { type QuickCommits, quickCommits } from "./quick.ts";

interface Failing {
  /** Of each of these, whether it fails this time. */
  begin?(): Error | undefined;
  write?(ids: readonly string[]): Error | undefined;
  commit?(): Error | undefined;
}

/** Commits to a database that fails as told. */
function committing(failing: Failing): { readonly commits: QuickCommits; readonly begun: () => number } {
  let begun = 0;
  const orThrow = async (error: Error | undefined): Promise<void> => {
    if (error !== undefined) throw error;
  };
  const transaction: Transaction = {
    query: async () => ({ rows: [], changes: 0 }),
    commit: () => orThrow(failing.commit?.()),
    rollback: async () => {},
  };
  const store = {
    async begin() {
      begun++;
      await orThrow(failing.begin?.());
      return transaction;
    },
  } as Partial<Store> as Store;
  const outbox = {
    add: (_sql, entries) => orThrow(failing.write?.(entries.map(({ id }) => id))),
  } as Partial<Outbox> as Outbox;
  return {
    commits: quickCommits(store, outbox, inbox(store, systemClock), systemClock),
    begun: () => begun,
  };
}

/** What becomes of so many commits of the same moment. */
async function outcomes(commits: QuickCommits, count: number): Promise<string[]> {
  const all = Array.from({ length: count }, (_, i) =>
    commits.commit({ mark: undefined, entries: [{ id: String(i) } as OutboxEntry] }),
  );
  const settled = await Promise.allSettled(all);
  return settled.map((one) => (one.status === "fulfilled" ? "done" : (one.reason as Error).message));
}

it("fails all that would have shared a transaction when none can be begun, and asks only once", async () => {
  const { commits, begun } = committing({ begin: () => new Error("nobody there") });
  expect(await outcomes(commits, 100)).toEqual(Array(100).fill("nobody there"));
  expect(begun()).toBe(1);
});

it("fails all that shared a transaction when it does not commit, and does none of them again", async () => {
  const { commits, begun } = committing({ commit: () => new Error("the disk is full") });
  expect(await outcomes(commits, 100)).toEqual(Array(100).fill("the disk is full"));
  expect(begun()).toBe(1);
});

it("commits the others where one of them cannot be written", async () => {
  const write = (ids: readonly string[]) => (ids.includes("1") ? new Error("too large") : undefined);
  const { commits } = committing({ write });
  expect(await outcomes(commits, 3)).toEqual(["done", "too large", "done"]);
});

it("asks once more, and not for each of them, where the database goes away in the middle", async () => {
  let begun = 0;
  const { commits } = committing({
    begin: () => (++begun > 1 ? new Error("nobody there") : undefined),
    write: () => new Error("lost"),
  });
  expect(await outcomes(commits, 100)).toEqual(Array(100).fill("nobody there"));
  expect(begun).toBe(2);
});

it("goes on with those that come later", async () => {
  let isAway = true;
  const { commits } = committing({ begin: () => (isAway ? new Error("nobody there") : undefined) });
  expect(await outcomes(commits, 2)).toEqual(["nobody there", "nobody there"]);
  isAway = false;
  expect(await outcomes(commits, 2)).toEqual(["done", "done"]);
});
