import { OutcomeUnknown, type Query, type SqlValue, type Transaction } from "../store.ts";
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
  let failed: unknown;
  // The end also comes after the statements that nobody waits for.
  const inTurn = oneByOne();

  function end(text: string): void {
    if (isOver) throw new Error(`The transaction is over; this came too late: ${text.slice(0, 200)}`);
    isOver = true;
  }

  return {
    async query<R extends object>(text: string, values?: readonly SqlValue[]) {
      if (isOver) throw new Error(`The transaction is over; this came too late: ${text.slice(0, 200)}`);
      try {
        return await inTurn(() => query<R>(text, values));
      } catch (error) {
        failed ??= error;
        throw failureOf(error, connection, place, "The transaction is undone.");
      }
    },
    async commit() {
      end("commit");
      let done: string;
      try {
        ({ command: done } = await inTurn(() => connection.client.query("commit")));
      } catch (error) {
        const failure = failureOf(error, connection, place, "");
        connection.release(true);
        // A constraint that is checked at the end, for one: then nothing is changed.
        if (failure === error) throw error;
        throw new OutcomeUnknown(place, error);
      }
      connection.release();
      // PostgreSQL undoes a transaction of which a statement failed, and says so without an error.
      if (done !== "COMMIT")
        throw new Error("A statement of this transaction failed before, so all of it was undone.", {
          cause: failed,
        });
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
