import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync, type SQLInputValue } from "node:sqlite";
import { Kysely, SqliteDialect, type SqliteStatement } from "kysely";

/** How long a statement waits for another process that writes, in milliseconds; this process stands still meanwhile. */
const busyTimeoutMs = 2_000;

export interface OpenDatabase<Tables> {
  readonly db: Kysely<Tables>;
  readonly close: () => Promise<void>;
}

/**
 * Opens `<folder>/<name>.db` with Kysely, making folder and file where they are missing. `schema` is run each time and
 * must therefore say `if not exists`.
 * @throws Error when the folder cannot be written or the file is not a database
 */
export function openSqlite<Tables>(folder: string, name: string, schema: string): OpenDatabase<Tables> {
  // Accounts are in there: nobody else on this machine has to read them.
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const database = new DatabaseSync(join(folder, `${name}.db`), { timeout: busyTimeoutMs });
  try {
    // Readers and a writer do not wait for each other, and a killed process loses nothing that was committed.
    database.exec("pragma journal_mode = wal; pragma synchronous = full; pragma foreign_keys = on;");
    database.exec(schema);
  } catch (error) {
    database.close();
    throw error;
  }
  const close = (): void => database.close();
  const prepare = (sql: string): SqliteStatement => statement(database, sql);
  return {
    db: new Kysely<Tables>({ dialect: new SqliteDialect({ database: { close, prepare } }) }),
    // Not by Kysely, which does not close what it has never used.
    close: async () => close(),
  };
}

/** Kysely asks for what better-sqlite3 looks like; Node's own driver needs only this to look like it. */
function statement(database: DatabaseSync, sql: string): SqliteStatement {
  const prepared = database.prepare(sql);
  const given = (parameters: readonly unknown[]): SQLInputValue[] => [...parameters] as SQLInputValue[];
  return {
    reader: prepared.columns().length > 0,
    all: (parameters) => prepared.all(...given(parameters)),
    run: (parameters) => prepared.run(...given(parameters)),
    iterate: (parameters) => prepared.iterate(...given(parameters)),
  };
}
