import { placeholders } from "../store/placeholders.ts";
import type { Sql } from "../store.ts";
import type { ConversationStep } from "./step.ts";

/** A table, as far as it knows of conversations. Only reads. */
export interface ConversationSource {
  /** The latest rows, each with its conversation and when it last changed: at most `limit`, the latest first. */
  recent(sql: Sql, wanted: Wanted): Promise<readonly Trace[]>;
  /** All that is known of some conversations, at most `limit` steps. */
  steps(sql: Sql, asked: Asked): Promise<readonly ConversationStep[]>;
}

export interface Wanted {
  /** Only what is not over. */
  readonly open: boolean;
  /** Both in milliseconds since the Unix epoch, both included. */
  readonly since: number;
  readonly until: number;
  readonly limit: number;
}

export interface Trace {
  readonly conversation: string;
  readonly at: number;
}

export interface Asked {
  readonly conversations: readonly string[];
  /** Also what messages and results hold. */
  readonly data: boolean;
  readonly limit: number;
  /** Milliseconds since the Unix epoch. */
  readonly now: number;
}

/** The latest rows of a table whose column `at` says when each last changed. */
export async function latestOf(
  sql: Sql,
  { table, at, open }: { readonly table: string; readonly at: string; readonly open: string },
  wanted: Wanted,
): Promise<readonly Trace[]> {
  const { rows } = await sql.query<{ conversation: string; at: number }>(
    `select conversation, ${at} as at from ${table}
    where ${at} >= $1 and ${at} <= $2 ${wanted.open ? `and ${open}` : ""} order by ${at} desc limit $3`,
    [wanted.since, wanted.until, wanted.limit],
  );
  return rows;
}

/** The rows of some conversations. */
export async function rowsOf<R extends object>(
  sql: Sql,
  table: string,
  { conversations, limit }: Pick<Asked, "conversations" | "limit">,
): Promise<readonly R[]> {
  const { rows } = await sql.query<R>(
    `select * from ${table} where conversation in ${placeholders(conversations.length, 2)} limit $1`,
    [limit, ...conversations],
  );
  return rows;
}
