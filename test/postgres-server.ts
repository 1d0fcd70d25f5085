import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pg from "pg";
import type { TestProject } from "vitest/node";
import { databaseUp } from "../packages/warren/src/database/index.ts";
import { discardAtEnd } from "./private-server.ts";

declare module "vitest" {
  interface ProvidedContext {
    /** The PostgreSQL of this run, `postgres://…`, as a user who may make databases. */
    databaseUrl: string;
  }
}

/**
 * Gives the tests a PostgreSQL: the one of DATABASE_URL, else a private one that ends with this process, however that
 * ends. Throws when there is none to be had: these tests are never skipped.
 */
export async function givePostgres(project: TestProject): Promise<(() => Promise<void>) | undefined> {
  const given = process.env.DATABASE_URL;
  if (given !== undefined && given !== "") {
    const version = await versionAt(given);
    project.provide("databaseUrl", given);
    console.log(`PostgreSQL ${version} from DATABASE_URL`);
    return undefined;
  }
  const dataDir = mkdtempSync(join(tmpdir(), "warren-test-"));
  const discard = discardAtEnd("database", dataDir);
  const began = performance.now();
  try {
    const database = await databaseUp({ dataDir, log: console.log });
    project.provide("databaseUrl", database.url);
    const seconds = ((performance.now() - began) / 1000).toFixed(1);
    console.log(
      `PostgreSQL ${database.version}, a private one started in ${seconds} s (port ${database.port})`,
    );
  } catch (error) {
    await discard();
    throw error;
  }
  return discard;
}

async function versionAt(url: string): Promise<string> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5_000 });
  try {
    await client.connect();
    const { rows } = await client.query<{ server_version: string }>("show server_version");
    return rows[0]!.server_version;
  } catch (cause) {
    const { hostname, port } = new URL(url);
    throw new Error(
      `DATABASE_URL is set, but it cannot be used at ${hostname}:${port === "" ? 5432 : port}: ${(cause as Error).message}. Start that PostgreSQL, or unset DATABASE_URL to get a private one.`,
      { cause },
    );
  } finally {
    await client.end();
  }
}
