import type { DatabaseSync } from "node:sqlite";
import { afterFailure, goesBack, shown } from "../statement.ts";
import type { SqlValue, Transaction } from "../store.ts";
import type { Disk } from "./disk.ts";
import type { Patience } from "./patience.ts";
import type { Statements } from "./statements.ts";

/** The connection that writes: one transaction at a time has it, in the order they asked. */
export interface Writer {
  begin(): Promise<Transaction>;
  /** Resolves when no transaction is under way, waits, or is on its way to the disk. */
  idle(): Promise<void>;
}

export interface WriterOptions {
  readonly database: DatabaseSync;
  readonly statements: Statements;
  readonly disk: Disk;
  readonly patience: Patience;
}

/**
 * A commit makes a transaction's changes visible and lets the next one begin; it resolves when they are on disk. So the
 * disk is waited for by all that were committed since it was last asked, and by nobody who only waits for a turn.
 */
export function writer({ database, statements, disk, patience }: WriterOptions): Writer {
  const waiting: (() => void)[] = [];
  const idlers: (() => void)[] = [];
  let isTaken = false;
  let unsettled = 0;

  async function begin(): Promise<Transaction> {
    unsettled++;
    if (isTaken) await new Promise<void>((resolve) => void waiting.push(resolve));
    isTaken = true;
    try {
      disk.check();
      // What a rollback that failed has left.
      if (database.isTransaction) statements.exec("rollback");
      // Another process may be writing.
      await patience(() => statements.exec("begin immediate"));
    } catch (error) {
      pass();
      settle();
      throw error;
    }
    return transaction();
  }

  function pass(): void {
    const next = waiting.shift();
    if (next === undefined) isTaken = false;
    else next();
  }

  function settle(): void {
    unsettled--;
    if (unsettled === 0) for (const resolve of idlers.splice(0)) resolve();
  }

  /** Where SQLite has undone it already, as when the disk is full, there is nothing left to undo. */
  function undo(): void {
    try {
      if (database.isTransaction) statements.exec("rollback");
    } catch {
      // Tried again before the next one begins, which is told then.
    }
  }

  function transaction(): Transaction {
    let isOver = false;
    let failed: { readonly error: unknown } | undefined;

    function check(text: string): void {
      if (isOver) throw new Error(`The transaction is over; this came too late: ${shown(text)}`);
    }

    return {
      async query<R extends object>(text: string, values?: readonly SqlValue[]) {
        check(text);
        // SQLite itself would go on, with the changes of the statements before. PostgreSQL does not, and both shall be alike.
        if (failed !== undefined && !goesBack(text)) throw afterFailure(failed.error);
        try {
          const result = statements.run<R>(text, values);
          failed = undefined;
          return result;
        } catch (error) {
          failed = { error };
          throw error;
        }
      },
      async commit() {
        check("commit");
        isOver = true;
        try {
          if (failed !== undefined) throw afterFailure(failed.error);
          statements.exec("commit");
        } catch (error) {
          undo();
          pass();
          settle();
          throw error;
        }
        pass();
        await disk.synced().finally(settle);
      },
      async rollback() {
        if (isOver) return;
        isOver = true;
        undo();
        pass();
        settle();
      },
    };
  }

  return {
    begin,
    idle: async () => (unsettled > 0 ? new Promise<void>((resolve) => void idlers.push(resolve)) : undefined),
  };
}
