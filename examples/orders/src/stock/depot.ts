import { type Kysely, sql } from "kysely";
import type { Article } from "../assortment.ts";
import type { Line } from "../line.ts";

export interface StockTables {
  depot: { sku: string; quantity: number };
  /** Nothing is sent for an order that has one, be it of nothing. */
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

/**
 * Takes what an order needs out of the depot, in whole lots where it can. @returns how many; 0 where there are too few, or it
 * was taken back before
 */
export async function send(db: Db, { orderId, sku, quantity }: Line): Promise<number> {
  const known = await db
    .selectFrom("deliveries")
    .select("quantity")
    .where("order_id", "=", orderId)
    .executeTakeFirst();
  if (known !== undefined) return known.quantity;
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

/** Puts back what was taken for an order and has not arrived. Where nothing was, nothing will be. */
export async function takeBack(db: Db, orderId: string): Promise<void> {
  const sent = await db
    .deleteFrom("deliveries")
    .where("order_id", "=", orderId)
    .returning(["sku", "quantity"])
    .executeTakeFirst();
  if (sent !== undefined)
    await db
      .updateTable("depot")
      .set({ quantity: sql`quantity + ${sent.quantity}` })
      .where("sku", "=", sent.sku)
      .execute();
  await db.insertInto("deliveries").values({ order_id: orderId, sku: "", quantity: 0 }).execute();
}
