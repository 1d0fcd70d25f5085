import type { Generated, Kysely, Selectable } from "kysely";
import { demoUser } from "../demo.ts";
import { openSqlite } from "../sqlite/open.ts";

interface ItemTable {
  id: Generated<number>;
  title: string;
  price_cents: number;
  seller: string;
  sold: Generated<0 | 1>;
}

interface Item {
  readonly id: number;
  readonly title: string;
  readonly priceCents: number;
  readonly sold: boolean;
  readonly seller: string;
}

/** The items on offer and those that were, in `<folder>/market.db`. */
export interface Items {
  /** The newest first, those with smaller ids than `before` where it is given. */
  list(page: { readonly before?: number | undefined; readonly limit: number }): Promise<Item[]>;
  find(id: number): Promise<Item | undefined>;
  add(item: Pick<Item, "title" | "priceCents" | "seller">): Promise<Item>;
  /** Marks an item as sold. `undefined` when it is missing or sold already: of many at once exactly one gets it. */
  take(id: number): Promise<Item | undefined>;
  /** Offers a taken item again. */
  release(id: number): Promise<void>;
  close(): Promise<void>;
}

/** Opens the items; a new database starts with a few of the demo user's. */
export async function openItems(folder: string): Promise<Items> {
  const { db, close } = openSqlite<{ items: ItemTable }>(folder, "market", schema);
  await seed(db);
  return {
    async list({ before, limit }) {
      const all = db.selectFrom("items").selectAll().orderBy("id", "desc").limit(limit);
      const rows = await (before === undefined ? all : all.where("id", "<", before)).execute();
      return rows.map(itemOf);
    },
    async find(id) {
      const row = await db.selectFrom("items").selectAll().where("id", "=", id).executeTakeFirst();
      return row && itemOf(row);
    },
    async add({ title, priceCents, seller }) {
      const values = { title, price_cents: priceCents, seller };
      return itemOf(await db.insertInto("items").values(values).returningAll().executeTakeFirstOrThrow());
    },
    async take(id) {
      // One statement looks and writes, so nobody can come between the two: in this process or another.
      const row = await db
        .updateTable("items")
        .set({ sold: 1 })
        .where("id", "=", id)
        .where("sold", "=", 0)
        .returningAll()
        .executeTakeFirst();
      return row && itemOf(row);
    },
    async release(id) {
      await db.updateTable("items").set({ sold: 0 }).where("id", "=", id).execute();
    },
    close,
  };
}

const schema = `
  create table if not exists items (
    id integer primary key autoincrement,
    title text not null,
    price_cents integer not null,
    seller text not null,
    sold integer not null default 0 check (sold in (0, 1))
  ) strict`;

async function seed(db: Kysely<{ items: ItemTable }>): Promise<void> {
  const rows = [
    { id: 1, title: "Bicycle, blue, one careful owner", price_cents: 12_000 },
    { id: 2, title: "Moka pot for six", price_cents: 1_450 },
    { id: 3, title: "Record player with a box of records", price_cents: 8_900 },
    { id: 4, title: "Desk lamp", price_cents: 2_200 },
    { id: 5, title: "Tent for two", price_cents: 6_500 },
  ].map((row) => ({ ...row, seller: demoUser }));
  // Fixed ids make it harmless to do this at each start, also of two processes at once.
  await db
    .insertInto("items")
    .values(rows)
    .onConflict((conflict) => conflict.doNothing())
    .execute();
}

function itemOf({ id, title, price_cents, sold, seller }: Selectable<ItemTable>): Item {
  return { id, title, priceCents: price_cents, sold: sold === 1, seller };
}
