import { type Kysely, sql } from "kysely";
import type { Article } from "../assortment.ts";
import type { Line } from "../line.ts";

export interface StockTables {
  depot: { sku: string; quantity: number };
  deliveries: { order_id: string; sku: string; quantity: number };
}

export const stockSchema: readonly string[] = [
  `create table if not exists depot (
    sku text primary key,
    quantity bigint not null check (quantity >= 0)
  )`,
  `create table if not exists deliveries (
    order_id text primary key,
    sku text not null,
    quantity bigint not null
  )`,
];

/** Shelves are filled up by so many at a time, as long as the depot has them. */
const lotSize = 20;

type Db = Kysely<StockTables>;

/** Fills the depot of a new database. */
export async function openDepot(db: Db, articles: readonly Article[]): Promise<void> {
  const values = articles.map(({ sku, depot }) => ({ sku, quantity: depot }));
  await db
    .insertInto("depot")
    .values(values)
    .onConflict((conflict) => conflict.doNothing())
    .execute();
}

export async function leftOf(db: Db, sku: string): Promise<number> {
  const row = await db.selectFrom("depot").select("quantity").where("sku", "=", sku).executeTakeFirst();
  return row?.quantity ?? 0;
}

/** Takes what an order needs out of the depot, in whole lots where it can. @returns how many; 0 where there are too few */
export async function send(db: Db, { orderId, sku, quantity }: Line): Promise<number> {
  const lots = Math.ceil(quantity / lotSize) * lotSize;
  for (const wanted of [lots, quantity]) {
    const taken = await db
      .updateTable("depot")
      .set({ quantity: sql`quantity - ${wanted}` })
      .where("sku", "=", sku)
      .where("quantity", ">=", wanted)
      .executeTakeFirst();
    if (taken.numUpdatedRows === 0n) continue;
    await db.insertInto("deliveries").values({ order_id: orderId, sku, quantity: wanted }).execute();
    return wanted;
  }
  return 0;
}
