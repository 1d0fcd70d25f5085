import { expect, it } from "vitest";
import { AlreadyDone } from "../inbox/already-done.ts";
import { silent } from "../log.ts";
import type { Incoming } from "../message.ts";
import type { InvocationScope } from "../service/invocation.ts";
import type { StoreRuntime } from "../store/runtime.ts";
import { systemClock } from "../time.ts";
import type { Journal, Undoable } from "./journal.ts";
import { type UndoJob, undoing } from "./undoing.ts";

it("an undo that finds itself done is no failure, also where its handler makes another error of that", async () => {
  const failures: unknown[] = [];
  const done = new AlreadyDone("stock on orders.cancelled undoing orders.placed", "m");
  const run: Undoable = { seq: 1, event: "{}", result: null } as Partial<Undoable> as Undoable;
  const undo = undoing({
    clock: systemClock,
    scope: { log: silent } as Partial<InvocationScope> as InvocationScope,
    running: { active: 0, aborted: false, abortAll: () => {}, run: () => {} },
    journal: {
      close: async () => [run],
      undoFailed: async (_runs, _by, error) => void failures.push(error),
    } as Partial<Journal> as Journal,
    runtime: {
      inbox: { isDone: async () => false },
      // Its first statement has said so.
      unit: () => ({ alreadyDone: done, rollback: async () => {} }),
    } as unknown as StoreRuntime,
    invoke: () => Promise.reject(new Error("NOT_RELEASED")),
  });
  const job: UndoJob = {
    reaction: "orders.placed",
    handler: () => {},
    operation: { kind: "event", id: "orders.cancelled", service: "stock" },
    timeoutMs: 1_000,
    retry: {},
  };
  const message = {
    messageId: "m",
    headers: { "warren-conversation": "c" },
  } as Partial<Incoming> as Incoming;
  await undo([job], message, async () => ({}));
  expect(failures).toEqual([]);
});
