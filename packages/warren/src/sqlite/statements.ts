import type { DatabaseSync, StatementSync } from "node:sqlite";
import { checkStatement, checkValues, saysNothing, severalStatements } from "../statement.ts";
import type { QueryResult, SqlValue } from "../store.ts";

/** The statements of one connection, each prepared once. */
export interface Statements {
  /** @throws TypeError for what no store takes; Error of the driver */
  run<R extends object>(text: string, values?: readonly SqlValue[]): QueryResult<R>;
  /** For statements without values or rows. */
  exec(text: string): void;
}

/** What may hold a "$1" that is none, then the "$1" itself. */
const placeholders = /'(?:[^']|'')*'|"(?:[^"]|"")*"|--[^\n]*|\/\*[\s\S]*?\*\/|\$(\d+)/g;

interface Made {
  readonly statement: StatementSync;
  /** Whether rows come of it. */
  readonly gives: boolean;
  /** How many values it needs. */
  readonly needs: number;
}

/** Of applications that write values into their statements, the latest so many are kept. */
const maxPrepared = 500;

export function statements(database: DatabaseSync): Statements {
  const prepared = new Map<string, Made>();

  function prepare(text: string): Made {
    const known = prepared.get(text);
    if (known !== undefined) return known;
    checkStatement(text);
    let needs = 0;
    // SQLite takes "$1" for a name.
    const numbered = text.replaceAll(placeholders, (found, number?: string) => {
      if (number === undefined) return found;
      needs = Math.max(needs, Number(number));
      return `?${number}`;
    });
    const statement = database.prepare(numbered);
    // SQLite reads as far as the end of the first statement, and leaves out the rest without a word.
    if (!saysNothing(numbered.slice(statement.sourceSQL.length))) throw severalStatements(text);
    const made = { statement, gives: statement.columns().length > 0, needs };
    if (prepared.size >= maxPrepared) prepared.delete(prepared.keys().next().value!);
    prepared.set(text, made);
    return made;
  }

  return {
    run(text, given = []) {
      const { statement, gives, needs } = prepare(text);
      // SQLite would take null for what is missing.
      if (given.length !== needs)
        throw new TypeError(`The statement needs ${needs} values and was given ${given.length}: ${text}`);
      checkValues(text, given);
      // The driver takes every number for one with places behind the point, which would be "5.0" in a column of text.
      const values = given.map((value) => (Number.isSafeInteger(value) ? BigInt(value as number) : value));
      if (!gives) return { rows: [], changes: Number(statement.run(...values).changes) };
      const rows = statement.all(...values) as any[];
      return { rows, changes: rows.length };
    },
    exec: (text) => database.exec(text),
  };
}
