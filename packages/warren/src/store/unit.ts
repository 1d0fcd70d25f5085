import { AlreadyDone } from "../inbox/already-done.ts";
import type { Inbox, Mark } from "../inbox/inbox.ts";
import type { OutboxEntry } from "../outbox/entry.ts";
import type { Outbox } from "../outbox/outbox.ts";
import type { Sql, Store, Transaction } from "../store.ts";
import type { QuickCommits } from "./quick.ts";

/**
 * What one handler does to its store: its own changes, the mark that its message is done, and the messages it sends
 * commit together or not at all. The transaction begins with the handler's first statement, so that one which waits for
 * something else before holds up nobody.
 */
export interface Unit {
  /** The application's client. */
  readonly db: unknown;
  /** The same transaction, for Warren's own tables. */
  readonly sql: Sql;
  /** Sent once this has committed. @throws Error where it is over already */
  send(entry: OutboxEntry): void;
  /**
   * Takes back what was to be sent later.
   * @param service whose it is, where it is to be that of a certain one
   * @returns whether it was still there, and not sent
   */
  cancel(id: string, service?: string): Promise<boolean>;
  /** Runs once it has committed; not where it is undone. */
  whenCommitted(run: () => void): void;
  /**
   * @throws AlreadyDone where another one was faster; OutcomeUnknown where the database's answer was lost; Error of the
   * driver. Except after OutcomeUnknown nothing is changed then.
   */
  commit(last?: (sql: Sql) => Promise<void>): Promise<void>;
  /**
   * Where its message turned out to be done. A handler may have hidden that: it saw an error of a statement, and threw
   * another one.
   */
  readonly alreadyDone: AlreadyDone | undefined;
  /** Undoes what was done. Statements that come later fail. Nothing happens after `commit`. */
  rollback(): Promise<void>;
}

export interface UnitOptions {
  readonly store: Store<any>;
  readonly outbox: Outbox;
  readonly inbox: Inbox;
  readonly quick: QuickCommits;
  /** What is done once this commits. */
  readonly mark?: Mark | undefined;
}

const over = "The handler is over, and its transaction with it.";

export function unit(options: UnitOptions): Unit {
  const { store, outbox, inbox, quick, mark } = options;
  const entries: OutboxEntry[] = [];
  const afterwards: (() => void)[] = [];
  let opening: Promise<Transaction> | undefined;
  let isOver = false;
  let alreadyDone: AlreadyDone | undefined;
  let db: unknown;

  async function open(): Promise<Transaction> {
    const transaction = await store.begin();
    try {
      if (mark !== undefined && !(await inbox.claim(transaction, mark)))
        throw new AlreadyDone(mark.consumer, mark.messageId);
    } catch (error) {
      if (error instanceof AlreadyDone) alreadyDone = error;
      await transaction.rollback();
      throw error;
    }
    return transaction;
  }

  function transaction(): Promise<Transaction> {
    if (isOver) return Promise.reject(new Error(over));
    opening ??= open();
    return opening;
  }

  const sql: Sql = { query: async (text, values) => (await transaction()).query(text, values) };

  return {
    get db() {
      db ??= store.client(sql);
      return db;
    },
    sql,
    get alreadyDone() {
      return alreadyDone;
    },
    send(entry) {
      // It would never be sent, and nobody would know.
      if (isOver) throw new Error(`${over} ${entry.type} came too late to be sent; await what sends it.`);
      entries.push(entry);
    },
    async cancel(id, service) {
      const index = entries.findIndex(
        (entry) => entry.id === id && (service ?? entry.service) === entry.service,
      );
      if (index < 0) return outbox.cancel(sql, id, service);
      entries.splice(index, 1);
      return true;
    },
    whenCommitted: (run) => void afterwards.push(run),
    async commit(last) {
      const needsTransaction = opening !== undefined || last !== undefined;
      if (!needsTransaction) {
        isOver = true;
        if (mark === undefined && entries.length === 0) return;
        await quick.commit({ mark, entries });
      } else {
        const open = await transaction();
        isOver = true;
        await last?.(open);
        if (entries.length > 0) await outbox.add(open, entries, { soon: true });
        await open.commit();
      }
      if (entries.length > 0) outbox.committed(entries);
      for (const run of afterwards) run();
    },
    async rollback() {
      isOver = true;
      // What failed to open is undone already.
      const open = await opening?.catch(() => undefined);
      await open?.rollback();
    },
  };
}
