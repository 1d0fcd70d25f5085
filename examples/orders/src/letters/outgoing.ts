import type { Kysely } from "kysely";

export interface LettersTables {
  letters: { order_id: string; text: string; at: string };
}

export const lettersSchema: readonly string[] = [
  "create table if not exists letters (order_id text primary key, text text not null, at text not null)",
  "create index if not exists letters_at on letters (at)",
];

type Db = Kysely<LettersTables>;

export async function write(db: Db, orderId: string, text: string): Promise<void> {
  await db.insertInto("letters").values({ order_id: orderId, text, at: new Date().toISOString() }).execute();
}

/** The newest first. */
export async function latest(
  db: Db,
  limit: number,
): Promise<{ orderId: string; text: string; at: string }[]> {
  const rows = await db.selectFrom("letters").selectAll().orderBy("at", "desc").limit(limit).execute();
  return rows.map(({ order_id: orderId, text, at }) => ({ orderId, text, at }));
}
