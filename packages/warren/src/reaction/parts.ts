import { aboutMessage } from "../about-message.ts";
import type { Incoming } from "../message.ts";
import type { InvocationScope } from "../service/invocation.ts";
import type { Running } from "../service/running.ts";
import type { StoreRuntime } from "../store/runtime.ts";
import type { Clock } from "../time.ts";
import type { Invoke } from "./invoke.ts";
import { journal } from "./journal.ts";
import { type JournalledRuns, journalledRuns } from "./journalled-run.ts";
import { type UndoAll, type UndoJob, undoing } from "./undoing.ts";

/** What is done on an event beside what any reaction does. */
export interface Parts extends JournalledRuns {
  /**
   * Undoes what is to be undone, and then does the reaction's own part, also where some undo failed: each is done once, so
   * that those that failed are tried again alone.
   * @throws Failure undo-failed; else what `own` throws
   */
  both(
    undos: readonly UndoJob[],
    message: Incoming,
    read: () => Promise<unknown>,
    own: (() => Promise<void>) | undefined,
  ): Promise<void>;
}

export interface PartsOptions {
  readonly runtime: StoreRuntime;
  readonly scope: InvocationScope;
  readonly clock: Clock;
  readonly running: Running;
  readonly invoke: Invoke;
}

export function parts(options: PartsOptions): Parts {
  const { runtime, scope, clock } = options;
  const book = journal(runtime.store, runtime.inbox, clock);
  const undoAll: UndoAll = undoing({ ...options, journal: book });
  return {
    ...journalledRuns({ ...options, journal: book }),
    async both(undos, message, read, own) {
      let undone: unknown;
      try {
        await undoAll(undos, message, read);
      } catch (error) {
        undone = error;
      }
      try {
        await own?.();
      } catch (err) {
        if (undone === undefined) throw err;
        const about = { ...aboutMessage(message), err };
        scope.log.warn(about, "a reaction failed beside an undo, and is tried again with it");
      }
      if (undone !== undefined) throw undone;
    },
  };
}
