import type { PoolClient, QueryResultRow } from "pg";
import type { Query, SqlValue } from "../store.ts";
import { reasonOf } from "./place.ts";
import type { Prepared } from "./prepared.ts";
import { types } from "./values.ts";

/** Runs statements on one connection, each after the one before has ended. */
export function queryOn(client: PoolClient, names: Prepared | undefined): Query {
  return async <R extends object>(text: string, values: readonly SqlValue[] = []) => {
    const name = names?.nameOf(text);
    try {
      const statement = { text, values: values as SqlValue[], types, ...(name !== undefined && { name }) };
      const result = await client.query<R & QueryResultRow>(statement);
      return { rows: result.rows, changes: result.rowCount ?? 0 };
    } catch (error) {
      if (/cached plan must not change result type/.test(reasonOf(error))) names?.forget(text);
      throw error;
    }
  };
}

/** Runs works one after the other, in the order they were handed in, whatever becomes of them. */
export function oneByOne(): <T>(work: () => Promise<T>) => Promise<T> {
  let last: Promise<void> | undefined;
  return (work) => {
    const running = last === undefined ? work() : last.then(work);
    const settled: Promise<void> = running.then(
      () => free(settled),
      () => free(settled),
    );
    last = settled;
    return running;
  };

  /** Most statements are waited for, and the next one need not wait again. */
  function free(settled: Promise<void>): void {
    if (last === settled) last = undefined;
  }
}
