/**
 * What became of a run.
 * - `begun`: under way, or its process died: what it does outside of the store may have happened
 * - `failed`: it waits for its retry, or is a dead letter
 * - `done`: with its result
 * - `skipped`: not run, since it had been undone before
 * - `giving-up`, `given-up`: before and after its `gaveUp`; it does not run any more
 * - `undoing`, `undo-failed`, `undone`: before, between and after the tries of its undo
 */
export type JournalState =
  | "begun"
  | "failed"
  | "done"
  | "skipped"
  | "giving-up"
  | "given-up"
  | "undoing"
  | "undo-failed"
  | "undone";

/** Of those there is something to undo, or may be. */
export const undoable: readonly JournalState[] = [
  "begun",
  "failed",
  "done",
  "giving-up",
  "given-up",
  "undoing",
  "undo-failed",
];
