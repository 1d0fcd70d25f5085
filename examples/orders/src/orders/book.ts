import type { Kysely, Selectable } from "kysely";
import type { Order, Progress } from "./contract.ts";

interface OrderTable {
  id: string;
  date: string;
  type: Order["type"];
  desc: string;
  status: Order["status"];
  sku: string;
  quantity: number;
  progress: Progress;
  reason: string | null;
  created_at: number;
}

export interface OrdersTables {
  orders: OrderTable;
}

export const ordersSchema: readonly string[] = [
  `create table if not exists orders (
    id text primary key,
    date text not null,
    type text not null,
    "desc" text not null,
    status text not null,
    sku text not null,
    quantity bigint not null,
    progress text not null,
    reason text,
    created_at bigint not null
  )`,
  "create index if not exists orders_created on orders (created_at)",
];

type Db = Kysely<OrdersTables>;

export async function add(db: Db, order: Order, createdAt: number): Promise<void> {
  await db
    .insertInto("orders")
    .values({ ...order, created_at: createdAt })
    .execute();
}

export async function find(db: Db, id: string): Promise<Order | undefined> {
  const row = await db.selectFrom("orders").selectAll().where("id", "=", id).executeTakeFirst();
  return row && orderOf(row);
}

/** The newest first. */
export async function latest(db: Db, limit: number): Promise<Order[]> {
  const rows = await db
    .selectFrom("orders")
    .selectAll()
    .orderBy("created_at", "desc")
    .orderBy("id")
    .limit(limit)
    .execute();
  return rows.map(orderOf);
}

/** What may come before: events of different services arrive in any order, and an order only gets further. */
const before: { readonly [P in Progress]?: readonly Progress[] } = {
  replenishing: ["open"],
  reserved: ["open", "replenishing"],
  shipped: ["open", "replenishing", "reserved"],
  cancelled: ["open", "replenishing", "reserved"],
};

/** Notes how far an order has come. @returns false where it is there already, or further */
export async function advance(
  db: Db,
  id: string,
  progress: "replenishing" | "reserved" | "shipped" | "cancelled",
  reason: string | null = null,
): Promise<boolean> {
  const isEnd = progress === "shipped" || progress === "cancelled";
  const { numUpdatedRows } = await db
    .updateTable("orders")
    .set({ progress, reason, ...(isEnd ? { status: "closed" } : {}) })
    .where("id", "=", id)
    .where("progress", "in", before[progress]!)
    .executeTakeFirst();
  return numUpdatedRows === 1n;
}

function orderOf({ created_at: _, ...order }: Selectable<OrderTable>): Order {
  return order;
}
