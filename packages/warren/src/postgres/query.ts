import type { PoolClient, QueryResultRow } from "pg";
import { checkStatement, checkValues, severalStatements } from "../statement.ts";
import type { Query, SqlValue } from "../store.ts";
import { reasonOf } from "./place.ts";
import type { Prepared } from "./prepared.ts";
import { types } from "./values.ts";

/** Runs statements on one connection, each after the one before has ended. */
export function queryOn(client: PoolClient, names: Prepared | undefined): Query {
  return async <R extends object>(text: string, values: readonly SqlValue[] = []) => {
    checkStatement(text);
    checkValues(text, values);
    const name = names?.nameOf(text);
    try {
      // Extended: in a simple query the server would run several statements, one after the other.
      const given = { text, values: values as SqlValue[], types, queryMode: "extended" };
      const statement = name === undefined ? given : { ...given, name };
      const result = await client.query<R & QueryResultRow>(statement);
      return { rows: result.rows, changes: result.rowCount ?? 0 };
    } catch (error) {
      if (isSeveral(error)) throw severalStatements(text, error);
      if (/cached plan must not change result type/.test(reasonOf(error))) names?.forget(text);
      throw error;
    }
  };
}

/** The server says so in the language it is set to, but always from the same place and with the same code. */
function isSeveral(error: unknown): boolean {
  const { code, routine } = error as { readonly code?: unknown; readonly routine?: unknown };
  return code === "42601" && routine === "exec_parse_message";
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
