import pg, { type Pool, type PoolConfig } from "pg";
import type { Query, QueryResult, Sql, SqlValue, Store } from "../store.ts";
import { type Connection, connections, failureOf } from "./connections.ts";
import { dialect, identifier, literal } from "./dialect.ts";
import { pings } from "./ping.ts";
import { checkUrl, isLost, placeOf, reasonOf } from "./place.ts";
import { prepared } from "./prepared.ts";
import { queryOn } from "./query.ts";
import { transaction } from "./transaction.ts";

export interface PostgresOptions<D> {
  /** What health, metrics and logs call it; where one process has several, they are told apart by it. @default "postgres" */
  readonly name?: string | undefined;
  /**
   * Where the database is, `postgres://user:password@host:5432/database`. Encrypted with `?sslmode=verify-full`, with
   * `&sslrootcert=<file>` for an authority of your own.
   */
  readonly url?: string;
  /** The application's own pool, in place of `url`. It is not closed with the store, and its own settings hold. */
  readonly pool?: Pool;
  /**
   * Where the tables are: names without a schema mean this one, and it is made where it is missing, at the latest with
   * the first statement. Each service may have its own. @default the user's, mostly `public`
   */
  readonly schema?: string;
  /** The application's own client, made over `sql`: what handlers get as `db`. @default `sql` itself */
  readonly client?: (sql: Sql) => D;
  /** Transactions and statements at one time; further ones wait. With `pool`, its own limit holds. @default 10 */
  readonly maxConnections?: number;
  /** How long it may take to connect, in milliseconds. @default 10_000 */
  readonly connectTimeoutMs?: number;
  /** How long one statement may take, waiting for locks included, in milliseconds; 0 is for ever. @default 60_000 */
  readonly statementTimeoutMs?: number;
  /**
   * How long a transaction may do nothing before the database ends it, in milliseconds; 0 is for ever. A handler that
   * hangs would else keep its locks. @default 300_000
   */
  readonly idleTransactionTimeoutMs?: number;
  /** Keeps statements that come again prepared. Not for poolers that change connections under a session. @default true */
  readonly prepare?: boolean;
}

/**
 * A store in PostgreSQL 15 or later. Transactions are `read committed`. A connection that is lost fails what was done on
 * it; later ones get a new one. It opens itself with its first use.
 * @throws TypeError for a `url` that is none, or a time that is none
 */
export function postgres<D = Sql>(options: PostgresOptions<D>): Store<D> {
  const {
    name = "postgres",
    schema,
    client = (sql) => sql as D,
    maxConnections = 10,
    prepare = true,
  } = options;
  if ((options.url === undefined) === (options.pool === undefined))
    throw new TypeError("The PostgreSQL store needs either a url or a pool.");
  if (options.url !== undefined) checkUrl(options.url);
  const settings = options.pool?.options ?? settingsOf(options, maxConnections);
  const place = placeOf(settings);
  const pool = options.pool ?? new pg.Pool(settings);
  // The pool has forgotten a connection that broke while nobody used it. Without a listener that would end the process.
  const ignore = (): void => {};
  pool.on("error", ignore);
  const open = connections(pool, options.pool === undefined ? maxConnections : Infinity, place);
  const asked = pings(settings, place);
  const names = prepare ? prepared() : undefined;
  // The sessions of the application's own pool are its own business.
  const local = options.pool === undefined || schema === undefined ? "" : localPath(schema);
  let closing: Promise<void> | undefined;
  let hasSchema = schema === undefined;
  let makingSchema: Promise<void> | undefined;

  /** Before the first use, by however many at once. */
  function ready(): Promise<void> {
    makingSchema ??= prepareSchema(onConnection, schema!)
      .then(() => {
        hasSchema = true;
      })
      .catch((error: unknown) => {
        makingSchema = undefined;
        throw error;
      });
    return makingSchema;
  }

  async function begun(): Promise<Connection> {
    if (!hasSchema) await ready();
    for (;;) {
      if (closing !== undefined) throw new Error(`The PostgreSQL store ${place} is closed.`);
      const connection = await open.take();
      try {
        await connection.client.query(`begin isolation level read committed read write${local}`);
        return connection;
      } catch (error) {
        const broken = connection.lost() !== undefined || isLost(error);
        connection.release(true);
        // Nothing was done yet, and a new connection may well work.
        if (broken && connection.isUsed) continue;
        throw failureOf(error, connection, place, "No transaction was begun.");
      }
    }
  }

  async function begin() {
    const connection = await begun();
    return transaction({ connection, place, query: queryOn(connection.client, names) });
  }

  async function single<R extends object>(
    text: string,
    values?: readonly SqlValue[],
  ): Promise<QueryResult<R>> {
    if (!hasSchema) await ready();
    return onConnection<R>(text, values);
  }

  async function onConnection<R extends object>(
    text: string,
    values?: readonly SqlValue[],
  ): Promise<QueryResult<R>> {
    if (closing !== undefined) throw new Error(`The PostgreSQL store ${place} is closed.`);
    const connection = await open.take();
    try {
      const result = await queryOn(connection.client, names)<R>(text, values);
      connection.release();
      return result;
    } catch (error) {
      const failure = failureOf(error, connection, place, "Whether the statement was done is not known.");
      connection.release(failure !== error);
      throw failure;
    }
  }

  return {
    name,
    dialect,
    client,
    async open() {
      try {
        await single("select 1");
      } catch (cause) {
        throw new Error(`The PostgreSQL store cannot be opened: ${reasonOf(cause)}`, { cause });
      }
    },
    async query(text, values) {
      if (local === "") return single(text, values);
      const one = await begin();
      try {
        const result = await one.query<any>(text, values);
        await one.commit();
        return result;
      } finally {
        await one.rollback();
      }
    },
    begin,
    async ping(timeoutMs) {
      if (closing !== undefined) throw new Error(`The PostgreSQL store ${place} is closed.`);
      await asked.ping(timeoutMs);
    },
    close() {
      closing ??= Promise.all([open.idle(), asked.close()]).then(async () => {
        if (options.pool === undefined) await pool.end();
        else pool.off("error", ignore);
      });
      return closing;
    },
  };
}

function settingsOf(options: PostgresOptions<any>, max: number): PoolConfig {
  const {
    connectTimeoutMs = 10_000,
    statementTimeoutMs = 60_000,
    idleTransactionTimeoutMs = 300_000,
  } = options;
  const session = [
    `set statement_timeout = ${whole(statementTimeoutMs)}`,
    `set idle_in_transaction_session_timeout = ${whole(idleTransactionTimeoutMs)}`,
    ...(options.schema === undefined ? [] : [`set search_path = ${identifier(options.schema)}`]),
  ].join("; ");
  return {
    connectionString: options.url!,
    max,
    connectionTimeoutMillis: connectTimeoutMs,
    keepAlive: true,
    application_name: "warren",
    onConnect: (client) => client.query(session),
  };
}

function whole(ms: number): number {
  if (Number.isInteger(ms) && ms >= 0) return ms;
  throw new TypeError(`A timeout of the PostgreSQL store is a whole number of milliseconds, not ${ms}.`);
}

function localPath(schema: string): string {
  return `; set local search_path = ${identifier(schema)}`;
}

/** Asks first: where the schema is there, its user need not have the right to make one. */
async function prepareSchema(query: Query, schema: string): Promise<void> {
  const { rows } = await query(`select 1 from pg_namespace where nspname = ${literal(schema)}`);
  if (rows.length > 0) return;
  try {
    await query(`create schema if not exists ${identifier(schema)}`);
  } catch (error) {
    // Of two that make it at the same moment one is told so.
    if (!["23505", "42P06"].includes((error as { code?: string }).code ?? "")) throw error;
  }
}
