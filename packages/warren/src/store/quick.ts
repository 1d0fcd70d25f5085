import { AlreadyDone } from "../inbox/already-done.ts";
import type { Inbox, Mark } from "../inbox/inbox.ts";
import type { OutboxEntry } from "../outbox/entry.ts";
import type { Outbox } from "../outbox/outbox.ts";
import { inTransaction, type Sql, type Store } from "../store.ts";
import type { Clock } from "../time.ts";

/** What a handler leaves that changed nothing of its own: no statement of it depends on another one's. */
export interface Quick {
  readonly mark: Mark | undefined;
  readonly entries: readonly OutboxEntry[];
}

/** Commits for handlers without a transaction of their own: those of the same moment share one. */
export interface QuickCommits {
  /** @throws AlreadyDone; Error of the driver. Nothing of it is changed then. */
  commit(quick: Quick): Promise<void>;
}

interface Waiting {
  readonly quick: Quick;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

const maxTogether = 200;

export function quickCommits(store: Store, outbox: Outbox, inbox: Inbox, clock: Clock): QuickCommits {
  let waiting: Waiting[] = [];
  let isRunning = false;

  async function run(): Promise<void> {
    while (waiting.length > 0) {
      const some = waiting.slice(0, maxTogether);
      waiting = waiting.slice(maxTogether);
      await together(some);
    }
    isRunning = false;
  }

  async function together(some: readonly Waiting[]): Promise<void> {
    try {
      const fresh = await inTransaction(store, (sql) => write(sql, some));
      for (const one of some) {
        if (fresh.has(one)) one.resolve();
        else one.reject(new AlreadyDone(one.quick.mark!.consumer, one.quick.mark!.messageId));
      }
    } catch (error) {
      // One of them may be at fault, such as by an entry that is too large. Alone, each fails for its own reasons.
      if (some.length === 1) some[0]!.reject(error);
      else for (const one of some) await together([one]);
    }
  }

  async function write(sql: Sql, some: readonly Waiting[]): Promise<Set<Waiting>> {
    const marked = some.filter((one) => one.quick.mark !== undefined);
    const claimed = await inbox.claimAll(
      sql,
      marked.map((one) => one.quick.mark!),
    );
    const stale = new Set(marked.filter((_, i) => !claimed[i]));
    const fresh = new Set(some.filter((one) => !stale.has(one)));
    const entries = [...fresh].flatMap(({ quick }) => quick.entries);
    if (entries.length > 0) await outbox.add(sql, entries, { soon: true });
    return fresh;
  }

  return {
    commit(quick) {
      return new Promise((resolve, reject) => {
        waiting.push({ quick, resolve, reject });
        if (isRunning) return;
        isRunning = true;
        clock.soon(() => void run());
      });
    },
  };
}
