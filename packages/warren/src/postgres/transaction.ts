import { afterFailure, goesBack, shown } from "../statement.ts";
import { OutcomeUnknown, type Query, type SqlValue, StoreUnreachable, type Transaction } from "../store.ts";
import { type Connection, failureOf } from "./connections.ts";
import { oneByOne } from "./query.ts";

export interface TransactionOptions {
  readonly connection: Connection;
  readonly place: string;
  /** Runs a statement on the connection. */
  readonly query: Query;
}

/** A transaction that was begun on a connection, which is given back with its end. */
export function transaction({ connection, place, query }: TransactionOptions): Transaction {
  let isOver = false;
  let failed: { readonly error: unknown } | undefined;
  // The end also comes after the statements that nobody waits for.
  const inTurn = oneByOne();

  function check(text: string): void {
    if (isOver) throw new Error(`The transaction is over; this came too late: ${shown(text)}`);
  }

  /** What is said of all that comes after a statement that failed. */
  function afterwards(error: unknown): unknown {
    return error instanceof StoreUnreachable ? error : afterFailure(error);
  }

  async function run<R extends object>(text: string, values?: readonly SqlValue[]) {
    // PostgreSQL knows of its own failures alone, and not of what was refused on this side.
    if (failed !== undefined && !goesBack(text)) throw afterwards(failed.error);
    try {
      const result = await query<R>(text, values);
      failed = undefined;
      return result;
    } catch (cause) {
      const error = failureOf(cause, connection, place, "The transaction is undone.");
      failed ??= { error };
      throw error;
    }
  }

  return {
    async query<R extends object>(text: string, values?: readonly SqlValue[]) {
      check(text);
      return inTurn(() => run<R>(text, values));
    },
    async commit() {
      check("commit");
      isOver = true;
      let done: string;
      try {
        ({ command: done } = await inTurn(() =>
          connection.client.query(failed === undefined ? "commit" : "rollback"),
        ));
      } catch (error) {
        const failure = failureOf(error, connection, place, "");
        connection.release(true);
        if (failed !== undefined) throw afterwards(failed.error);
        // A constraint that is checked at the end, for one: then nothing is changed.
        if (failure === error) throw error;
        throw new OutcomeUnknown(place, error);
      }
      connection.release();
      // PostgreSQL undoes a transaction of which a statement failed, and says so without an error.
      if (done !== "COMMIT") throw afterwards(failed?.error);
    },
    async rollback() {
      if (isOver) return;
      isOver = true;
      try {
        await inTurn(async () => {
          if (connection.lost() === undefined) await connection.client.query("rollback");
        });
        connection.release();
      } catch {
        // PostgreSQL undoes what a connection leaves behind.
        connection.release(true);
      }
    },
  };
}
