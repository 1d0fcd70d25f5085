import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pg from "pg";
import { inject, onTestFinished } from "vitest";
import { type PostgresOptions, postgres } from "../src/postgres/index.ts";
import { type SqliteOptions, sqlite } from "../src/sqlite/index.ts";
import type { Sql, Store } from "../src/store.ts";

/** A database of one test, deleted behind it. */
export interface FreshDatabase {
  readonly kind: "sqlite" | "postgres";
  /** A file, or a URL: how another process opens it. */
  readonly location: string;
  /** A store on it; several are as several processes. Closed behind the test. */
  open<D = Sql>(options?: Pick<SqliteOptions<D> & PostgresOptions<D>, "client">): Store<D>;
}

export interface StoreKind {
  readonly name: "sqlite" | "postgres";
  /** For one test, from within it. */
  fresh(): Promise<FreshDatabase>;
}

/** For `describe.each(stores)("… on $name", ({ fresh }) => …)`. */
export const stores: readonly StoreKind[] = [
  { name: "sqlite", fresh: freshSqlite },
  { name: "postgres", fresh: freshPostgres },
];

export async function freshSqlite(): Promise<FreshDatabase> {
  const folder = mkdtempSync(join(tmpdir(), "warren-store-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, "state.db");
  return {
    kind: "sqlite",
    location: file,
    open: (options = {}) => closedBehind(sqlite({ file, ...options })),
  };
}

export async function freshPostgres(): Promise<FreshDatabase> {
  const name = `test_${randomBytes(8).toString("hex")}`;
  await asAdmin(`create database ${name}`);
  onTestFinished(() => asAdmin(`drop database if exists ${name} with (force)`));
  const url = new URL(inject("databaseUrl"));
  url.pathname = `/${name}`;
  return {
    kind: "postgres",
    location: url.href,
    open: (options = {}) => closedBehind(postgres({ url: url.href, ...options })),
  };
}

/** One statement on the server that all tests share, outside of any test's own database. */
export async function asAdmin(statement: string): Promise<void> {
  const client = new pg.Client(inject("databaseUrl"));
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}

function closedBehind<D>(store: Store<D>): Store<D> {
  // Functions registered later run first: the database is deleted last.
  onTestFinished(() => store.close());
  return store;
}
