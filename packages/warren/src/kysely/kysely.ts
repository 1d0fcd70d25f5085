import {
  type CompiledQuery,
  type DatabaseConnection,
  type Dialect,
  type Driver,
  Kysely,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
  type QueryResult,
} from "kysely";
import type { Sql, SqlValue } from "../store.ts";

/**
 * Kysely for the statements of a handler: `client: (sql) => kyselyOn<Tables>(sql)` of a store. All of them are part of the
 * handler's transaction, so that `transaction()` of Kysely throws. It writes the SQL of PostgreSQL, of which SQLite
 * understands what applications mostly need: placeholders, quotes, `returning` and `on conflict` are the same.
 */
export function kyselyOn<Tables>(sql: Sql): Kysely<Tables> {
  return new Kysely<Tables>({ dialect: dialectOn(sql) });
}

function dialectOn(sql: Sql): Dialect {
  return {
    createAdapter: () => new PostgresAdapter(),
    createQueryCompiler: () => new PostgresQueryCompiler(),
    createIntrospector: (db) => new PostgresIntrospector(db),
    createDriver: () => driverOn(sql),
  };
}

function driverOn(sql: Sql): Driver {
  const connection: DatabaseConnection = {
    async executeQuery<R>({ sql: text, parameters }: CompiledQuery): Promise<QueryResult<R>> {
      const { rows, changes } = await sql.query<R & object>(text, parameters as readonly SqlValue[]);
      return { rows: [...rows], numAffectedRows: BigInt(changes) };
    },
    async *streamQuery<R>(query: CompiledQuery) {
      yield await connection.executeQuery<R>(query);
    },
  };
  const refuse = async (): Promise<never> => {
    throw new Error(
      "These statements are part of a transaction of Warren already, which commits when the handler is done. Leave Kysely's own transaction out.",
    );
  };
  return {
    init: async () => {},
    acquireConnection: async () => connection,
    beginTransaction: refuse,
    commitTransaction: refuse,
    rollbackTransaction: refuse,
    releaseConnection: async () => {},
    destroy: async () => {},
  };
}
