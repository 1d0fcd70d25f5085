import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { QueryResult, SqlValue } from "../store.ts";

/** The statements of one connection, each prepared once. */
export interface Statements {
  /** @throws Error of the driver */
  run<R extends object>(text: string, values?: readonly SqlValue[]): QueryResult<R>;
  /** For statements without values or rows. */
  exec(text: string): void;
}

/** Of applications that write values into their statements, the latest so many are kept. */
const maxPrepared = 500;

export function statements(database: DatabaseSync): Statements {
  const prepared = new Map<string, { readonly statement: StatementSync; readonly gives: boolean }>();

  function prepare(text: string) {
    const known = prepared.get(text);
    if (known !== undefined) return known;
    // SQLite takes "$1" for a name.
    const statement = database.prepare(text.replaceAll(/\$(\d+)/g, "?$1"));
    const made = { statement, gives: statement.columns().length > 0 };
    if (prepared.size >= maxPrepared) prepared.delete(prepared.keys().next().value!);
    prepared.set(text, made);
    return made;
  }

  return {
    run(text, given = []) {
      const { statement, gives } = prepare(text);
      // The driver takes every number for one with places behind the point, which would be "5.0" in a column of text.
      const values = given.map((value) => (Number.isSafeInteger(value) ? BigInt(value as number) : value));
      if (!gives) return { rows: [], changes: Number(statement.run(...values).changes) };
      const rows = statement.all(...values) as any[];
      return { rows, changes: rows.length };
    },
    exec: (text) => database.exec(text),
  };
}
