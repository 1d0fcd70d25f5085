import { type Kysely, sql } from "kysely";
import type { Article } from "../assortment.ts";
import type { Line } from "../line.ts";

/** `short` waits for goods; `released` is over, and nothing is ever put aside for it again. */
type State = "short" | "reserved" | "shipped" | "released";

export interface InventoryTables {
  shelves: { sku: string; on_hand: number; reserved: number };
  lines: { order_id: string; sku: string; quantity: number; state: State };
}

export const inventorySchema: readonly string[] = [
  `create table if not exists shelves (
    sku text primary key,
    on_hand bigint not null check (on_hand >= 0),
    reserved bigint not null check (reserved >= 0)
  )`,
  `create table if not exists lines (
    order_id text primary key,
    sku text not null,
    quantity bigint not null,
    state text not null
  )`,
];

type Db = Kysely<InventoryTables>;

/** Fills the shelves of a new database. */
export async function openShelves(db: Db, articles: readonly Article[]): Promise<void> {
  const values = articles.map(({ sku, onHand }) => ({ sku, on_hand: onHand, reserved: 0 }));
  await db
    .insertInto("shelves")
    .values(values)
    .onConflict((conflict) => conflict.doNothing())
    .execute();
}

export async function lineOf(db: Db, orderId: string): Promise<(Line & { state: State }) | undefined> {
  const row = await db.selectFrom("lines").selectAll().where("order_id", "=", orderId).executeTakeFirst();
  return row && { orderId, sku: row.sku, quantity: row.quantity, state: row.state };
}

export async function levelOf(
  db: Db,
  sku: string,
): Promise<{ onHand: number; reserved: number } | undefined> {
  const row = await db.selectFrom("shelves").selectAll().where("sku", "=", sku).executeTakeFirst();
  return row && { onHand: row.on_hand, reserved: row.reserved };
}

export type Reservation =
  | { readonly outcome: "reserved" }
  | { readonly outcome: "short"; readonly missing: number }
  /** Nobody sells that here, or the order was released before. */
  | { readonly outcome: "impossible"; readonly reason: string };

/** Puts goods aside for an order, or notes that they are missing. Once per order, however often it is asked for. */
export async function reserve(db: Db, line: Line): Promise<Reservation> {
  const { orderId, sku, quantity } = line;
  const known = await lineOf(db, orderId);
  if (known !== undefined && known.state !== "short")
    return known.state === "released"
      ? { outcome: "impossible", reason: "the order was given up" }
      : { outcome: "reserved" };
  // One statement looks and takes: of two orders for the last one, one gets it.
  const taken = await db
    .updateTable("shelves")
    .set({ on_hand: sql`on_hand - ${quantity}`, reserved: sql`reserved + ${quantity}` })
    .where("sku", "=", sku)
    .where("on_hand", ">=", quantity)
    .executeTakeFirst();
  if (taken.numUpdatedRows === 1n) {
    await note(db, line, "reserved");
    return { outcome: "reserved" };
  }
  const level = await levelOf(db, sku);
  if (level === undefined) return { outcome: "impossible", reason: `there is no "${sku}"` };
  await note(db, line, "short");
  return { outcome: "short", missing: Math.max(1, quantity - level.onHand) };
}

/** Puts goods that came from the depot on the shelf. */
export async function receive(db: Db, sku: string, quantity: number): Promise<void> {
  await db
    .updateTable("shelves")
    .set({ on_hand: sql`on_hand + ${quantity}` })
    .where("sku", "=", sku)
    .execute();
}

/** What was put aside for an order has left the house. */
export async function handOver(db: Db, orderId: string): Promise<void> {
  const line = await close(db, orderId, "shipped", ["reserved"]);
  if (line === undefined) return;
  await db
    .updateTable("shelves")
    .set({ reserved: sql`reserved - ${line.quantity}` })
    .where("sku", "=", line.sku)
    .execute();
}

/** Puts back what was put aside for an order. Where nothing was, nothing will be: who asks for it may still be on the way. */
export async function release(db: Db, orderId: string): Promise<void> {
  await db
    .insertInto("lines")
    .values({ order_id: orderId, sku: "", quantity: 0, state: "released" })
    .onConflict((conflict) => conflict.doNothing())
    .execute();
  if ((await close(db, orderId, "released", ["short"])) !== undefined) return;
  const line = await close(db, orderId, "released", ["reserved"]);
  if (line === undefined) return;
  await db
    .updateTable("shelves")
    .set({ on_hand: sql`on_hand + ${line.quantity}`, reserved: sql`reserved - ${line.quantity}` })
    .where("sku", "=", line.sku)
    .execute();
}

async function note(db: Db, { orderId, sku, quantity }: Line, state: State): Promise<void> {
  await db
    .insertInto("lines")
    .values({ order_id: orderId, sku, quantity, state })
    .onConflict((conflict) => conflict.column("order_id").doUpdateSet({ state }))
    .execute();
}

async function close(
  db: Db,
  orderId: string,
  state: State,
  from: readonly State[],
): Promise<{ sku: string; quantity: number } | undefined> {
  return db
    .updateTable("lines")
    .set({ state })
    .where("order_id", "=", orderId)
    .where("state", "in", from)
    .returning(["sku", "quantity"])
    .executeTakeFirst();
}
