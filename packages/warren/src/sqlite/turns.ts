import type { SqlValue, Transaction } from "../store.ts";
import { type Clock, delay } from "../time.ts";
import type { Statements } from "./statements.ts";

/** The connection that writes: one transaction at a time has it. */
export interface Writer {
  begin(): Promise<Transaction>;
  /** Resolves when no transaction is under way or waits. */
  idle(): Promise<void>;
}

/** How many transactions share one write to disk at the most. */
const maxTogether = 64;
const busyPauseMs = 2;

/**
 * SQLite has one transaction per connection, and each commit waits for the disk. Transactions take turns; one that ends
 * while others wait is kept open as a savepoint, and the last of them commits all. Each resolves when that is done.
 */
export function turns(statements: Statements, busyTimeoutMs: number, clock: Clock): Writer {
  const waiting: (() => void)[] = [];
  const idlers: (() => void)[] = [];
  /** Ended well, and not on disk yet. */
  let together: PromiseWithResolvers<void>[] = [];
  let isTaken = false;
  let isBegun = false;

  async function take(): Promise<void> {
    if (isTaken) await new Promise<void>((resolve) => void waiting.push(resolve));
    isTaken = true;
  }

  function pass(): void {
    const next = waiting.shift();
    if (next !== undefined) return next();
    isTaken = false;
    for (const resolve of idlers.splice(0)) resolve();
  }

  /** Another process may be writing. */
  async function beginImmediate(): Promise<void> {
    const until = clock.now() + busyTimeoutMs;
    for (;;) {
      try {
        statements.exec("begin immediate");
        return;
      } catch (error) {
        if (!isBusy(error) || clock.now() > until) throw error;
        await delay(clock, busyPauseMs);
      }
    }
  }

  /** Ends what all of `together` changed, well or badly. */
  function flush(): void {
    const all = together;
    together = [];
    isBegun = false;
    try {
      statements.exec("commit");
      for (const { resolve } of all) resolve();
    } catch (error) {
      undo("rollback");
      for (const { reject } of all) reject(error);
    }
  }

  /** Where SQLite has undone it already, as when the disk is full, there is nothing left to undo. */
  function undo(statement: string): boolean {
    try {
      statements.exec(statement);
      return true;
    } catch {
      return false;
    }
  }

  function commit(): Promise<void> {
    const done = Promise.withResolvers<void>();
    // A savepoint becomes part of what the others did.
    if (together.length > 0) statements.exec("release turn");
    together.push(done);
    if (waiting.length === 0 || together.length >= maxTogether) flush();
    pass();
    return done.promise;
  }

  function rollback(): void {
    if (together.length === 0) {
      undo("rollback");
      isBegun = false;
    } else if (!undo("rollback to turn")) {
      const lost = new Error("SQLite undid the transaction together with another one that failed.");
      for (const { reject } of together.splice(0)) reject(lost);
      isBegun = false;
    } else if (waiting.length === 0) flush();
    pass();
  }

  async function begin(): Promise<Transaction> {
    await take();
    try {
      if (!isBegun) await beginImmediate();
      isBegun = true;
      if (together.length > 0) statements.exec("savepoint turn");
    } catch (error) {
      if (together.length > 0 && waiting.length === 0) flush();
      pass();
      throw error;
    }
    return transaction();
  }

  function transaction(): Transaction {
    let isOver = false;
    const end = (): boolean => {
      const wasOver = isOver;
      isOver = true;
      return !wasOver;
    };
    return {
      async query<R extends object>(text: string, values?: readonly SqlValue[]) {
        if (isOver) throw over(text);
        return statements.run<R>(text, values);
      },
      async commit() {
        if (!end()) throw over("commit");
        await commit();
      },
      async rollback() {
        if (end()) rollback();
      },
    };
  }

  return {
    begin,
    idle: async () => (isTaken ? new Promise<void>((resolve) => void idlers.push(resolve)) : undefined),
  };
}

function over(text: string): Error {
  return new Error(`The transaction is over; this came too late: ${text.slice(0, 200)}`);
}

function isBusy(error: unknown): boolean {
  // SQLITE_BUSY with whatever extension.
  return ((error as { errcode?: number }).errcode ?? 0) % 256 === 5;
}
