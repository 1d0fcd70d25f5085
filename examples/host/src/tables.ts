import { join } from "node:path";
import type { Kysely } from "kysely";
import { inTransaction, type Store } from "warren";
import { kyselyOn } from "warren/kysely";
import { sqlite } from "warren/sqlite";

/** Where the services keep what they know. */
export interface Place {
  /** The folder of the SQLite files. */
  readonly dataDir: string;
  /** A PostgreSQL, for the services that prefer one. Without it, all are on SQLite. */
  readonly databaseUrl?: string | undefined;
  /** Ends the names of the schemas in it. @default none */
  readonly schemaSuffix?: string | undefined;
}

/** A database of one service alone. */
export interface Tables<T> {
  readonly name: string;
  /** Statements that make the tables; run at each start, so they say `if not exists`. */
  readonly schema: readonly string[];
  /** For what a new database begins with. */
  readonly fill?: (db: Kysely<T>) => Promise<void>;
  /** Each service decides for itself. @default "sqlite" */
  readonly prefers?: "postgres" | "sqlite";
}

/**
 * Opens the database of a service: `<dataDir>/<name>.db`, or a schema of its own in PostgreSQL. The app that the service is
 * given to closes it.
 * @throws Error naming the database that cannot be opened
 */
export async function openTables<T>(place: Place, tables: Tables<T>): Promise<Store<Kysely<T>>> {
  const { name, schema, fill } = tables;
  const store = await storeOf(place, tables);
  await store.open();
  await inTransaction(store, async (sql) => {
    // Of two processes that start at once, one makes the tables and the other finds them.
    const lock = store.dialect.lock(`tables of ${name}`);
    if (lock !== undefined) await sql.query(lock);
    for (const statement of schema) await sql.query(statement);
    await fill?.(kyselyOn<T>(sql));
  });
  return store;
}

async function storeOf<T>(
  { dataDir, databaseUrl, schemaSuffix }: Place,
  { name, prefers = "sqlite" }: Tables<T>,
): Promise<Store<Kysely<T>>> {
  if (databaseUrl === undefined || prefers === "sqlite")
    return sqlite({ name, file: join(dataDir, `${name}.db`), client: kyselyOn<T> });
  // Loaded here, so that who has no PostgreSQL needs no driver for it.
  const { postgres } = await import("warren/postgres");
  const schema = schemaSuffix === undefined ? name : `${name}_${schemaSuffix}`;
  return postgres({ name, url: databaseUrl, schema, client: kyselyOn<T> });
}
