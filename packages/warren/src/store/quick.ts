import { AlreadyDone } from "../inbox/already-done.ts";
import type { Inbox, Mark } from "../inbox/inbox.ts";
import type { OutboxEntry } from "../outbox/entry.ts";
import type { Outbox } from "../outbox/outbox.ts";
import type { Sql, Store } from "../store.ts";
import type { Clock } from "../time.ts";

/** What a handler leaves that changed nothing of its own: no statement of it depends on another one's. */
export interface Quick {
  readonly mark: Mark | undefined;
  readonly entries: readonly OutboxEntry[];
}

/** Commits for handlers without a transaction of their own: those of the same moment share one. */
export interface QuickCommits {
  /**
   * @throws AlreadyDone; OutcomeUnknown where the database's answer was lost; Error of the driver. Except after
   * OutcomeUnknown nothing of it is changed then.
   */
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
      // No transaction can be begun: those that have their outcome by now keep it, the others need not try as well.
      await together(some).catch((error: unknown) => rejectAll(some, error));
    }
    isRunning = false;
  }

  /** @throws Error where no transaction can be begun */
  async function together(some: readonly Waiting[]): Promise<void> {
    const transaction = await store.begin();
    let fresh: ReadonlySet<Waiting>;
    try {
      fresh = await write(transaction, some);
    } catch (error) {
      await transaction.rollback();
      if (some.length === 1) return rejectAll(some, error);
      // One of them may be at fault, such as by an entry that is too large. Alone, each fails for its own reasons.
      for (const one of some) await together([one]);
      return;
    }
    try {
      await transaction.commit();
    } catch (error) {
      // None of them is the reason. And they may be done, where only the answer was lost.
      return rejectAll(some, error);
    }
    for (const one of some) {
      if (fresh.has(one)) one.resolve();
      else one.reject(new AlreadyDone(one.quick.mark!.consumer, one.quick.mark!.messageId));
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

function rejectAll(some: readonly Waiting[], error: unknown): void {
  for (const { reject } of some) reject(error);
}
