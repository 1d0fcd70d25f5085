import {
  type DatabaseConnection,
  type Dialect,
  type Driver,
  Kysely,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
} from "kysely";
import type { Sql, SqlValue } from "warren";

/**
 * Kysely over a store's `sql`: what it runs is part of the handler's transaction. It writes PostgreSQL's SQL for both
 * databases, since SQLite understands what is used here of it: `$1`, `returning`, `on conflict`.
 */
export function kysely<Tables>(sql: Sql): Kysely<Tables> {
  return new Kysely<Tables>({ dialect: dialectOver(sql) });
}

function dialectOver(sql: Sql): Dialect {
  return {
    createAdapter: () => new PostgresAdapter(),
    createQueryCompiler: () => new PostgresQueryCompiler(),
    createIntrospector: (db) => new PostgresIntrospector(db),
    createDriver: () => driverOver(sql),
  };
}

function driverOver(sql: Sql): Driver {
  const connection: DatabaseConnection = {
    async executeQuery<R>(compiled: { readonly sql: string; readonly parameters: readonly unknown[] }) {
      const { rows, changes } = await sql.query(compiled.sql, compiled.parameters as readonly SqlValue[]);
      return { rows: [...rows] as R[], numAffectedRows: BigInt(changes) };
    },
    streamQuery() {
      throw new Error("A handler's transaction has no cursors: read page by page.");
    },
  };
  const theHandlers = async (): Promise<never> => {
    throw new Error("The handler's transaction begins and ends by itself: leave out `transaction()`.");
  };
  return {
    init: async () => {},
    acquireConnection: async () => connection,
    releaseConnection: async () => {},
    beginTransaction: theHandlers,
    commitTransaction: theHandlers,
    rollbackTransaction: theHandlers,
    destroy: async () => {},
  };
}
