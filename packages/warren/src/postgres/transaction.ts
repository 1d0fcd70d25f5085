import { OutcomeUnknown, type Query, type Transaction } from "../store.ts";
import { type Connection, failureOf } from "./connections.ts";

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

  function end(text: string): void {
    if (isOver) throw new Error(`The transaction is over; this came too late: ${text.slice(0, 200)}`);
    isOver = true;
  }

  return {
    async query(text, values) {
      if (isOver) throw new Error(`The transaction is over; this came too late: ${text.slice(0, 200)}`);
      try {
        return await query(text, values);
      } catch (error) {
        failed ??= error;
        throw failureOf(error, connection, place, "The transaction is undone.");
      }
    },
    async commit() {
      end("commit");
      let done: string;
      try {
        ({ command: done } = await connection.client.query("commit"));
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
        if (connection.lost() === undefined) await connection.client.query("rollback");
        connection.release();
      } catch {
        // PostgreSQL undoes what a connection leaves behind.
        connection.release(true);
      }
    },
  };
}
