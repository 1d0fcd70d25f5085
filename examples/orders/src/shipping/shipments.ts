import { type Kysely, sql } from "kysely";
import type { Line } from "../line.ts";

export interface ShippingTables {
  /** One of nothing was called off. */
  shipments: { order_id: string; sku: string; quantity: number; tracking: string };
}

export const shippingSchema: readonly string[] = [
  `create table if not exists shipments (
    order_id text primary key,
    sku text not null,
    quantity bigint not null,
    tracking text not null
  )`,
  "create index if not exists shipments_of_sku on shipments (sku)",
];

type Db = Kysely<ShippingTables>;

export async function shippedOf(db: Db, sku: string): Promise<number> {
  const { shipped } = await db
    .selectFrom("shipments")
    .select(sumOf)
    .where("sku", "=", sku)
    .executeTakeFirstOrThrow();
  return Number(shipped);
}

/** PostgreSQL makes a `numeric` of a sum, which drivers hand over as text. */
const sumOf = sql<number>`cast(coalesce(sum(quantity), 0) as bigint)`.as("shipped");

/** Notes a shipment. @returns false where it was called off before */
export async function book(db: Db, { orderId, sku, quantity }: Line, tracking: string): Promise<boolean> {
  await db
    .insertInto("shipments")
    .values({ order_id: orderId, sku, quantity, tracking })
    .onConflict((conflict) => conflict.doNothing())
    .execute();
  const { quantity: booked } = await db
    .selectFrom("shipments")
    .select("quantity")
    .where("order_id", "=", orderId)
    .executeTakeFirstOrThrow();
  return booked > 0;
}

/** Takes a shipment back that was not handed over. Where there is none, there will be none. */
export async function callOff(db: Db, orderId: string): Promise<void> {
  await db
    .insertInto("shipments")
    .values({ order_id: orderId, sku: "", quantity: 0, tracking: "" })
    .onConflict((conflict) => conflict.column("order_id").doUpdateSet({ quantity: 0 }))
    .execute();
}
