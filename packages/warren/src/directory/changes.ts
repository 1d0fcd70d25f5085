import type { DirectoryInstance } from "./instance.ts";

/**
 * What changed in a directory. `joined`: it was not known before. `left`: it said so. `lost`: the broker has no queue of
 * it any more. `changed`: it is leaving, or told its load anew. `resync`: whoever reads was too slow, and has missed so
 * many; look at `instances()` again.
 */
export type DirectoryChange =
  | { readonly kind: "joined" | "left" | "lost"; readonly instance: DirectoryInstance }
  | { readonly kind: "changed"; readonly instance: DirectoryInstance; readonly before: DirectoryInstance }
  | { readonly kind: "resync"; readonly missed: number };

/** Changes for one reader. What is not read yet is bounded. */
export interface ChangeReader extends AsyncIterableIterator<DirectoryChange> {
  push(change: DirectoryChange): void;
  end(): void;
}

const maxUnread = 1_000;

/** @param ended called once, when nothing more is to be pushed: after the call at the earliest */
export function changeReader(signal: AbortSignal | undefined, ended: () => void): ChangeReader {
  let unread: DirectoryChange[] = [];
  let missed = 0;
  let done = false;
  let waiting: ((result: IteratorResult<DirectoryChange>) => void)[] = [];

  function end(): void {
    if (done) return;
    done = true;
    signal?.removeEventListener("abort", end);
    ended();
    for (const tell of waiting) tell({ done: true, value: undefined });
    waiting = [];
  }

  const reader: ChangeReader = {
    push(change) {
      if (done) return;
      const tell = waiting.shift();
      if (tell !== undefined) return tell({ done: false, value: change });
      // Half of a history is worth nothing: who is behind looks at the whole again.
      if (missed > 0 || unread.length >= maxUnread) {
        missed += unread.length + 1;
        unread = [];
      } else unread.push(change);
    },
    end,
    next() {
      const value: DirectoryChange | undefined = missed > 0 ? { kind: "resync", missed } : unread.shift();
      missed = 0;
      if (value !== undefined) return Promise.resolve({ done: false, value });
      if (done) return Promise.resolve({ done: true, value: undefined });
      return new Promise((resolve) => void waiting.push(resolve));
    },
    return() {
      unread = [];
      missed = 0;
      end();
      return Promise.resolve({ done: true, value: undefined });
    },
    [Symbol.asyncIterator]: () => reader,
  };
  signal?.addEventListener("abort", end, { once: true });
  return reader;
}
