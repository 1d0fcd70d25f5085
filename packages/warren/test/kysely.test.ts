import type { Generated } from "kysely";
import { describe, expect, test } from "vitest";
import { kyselyOn } from "../src/kysely/index.ts";
import { inTransaction } from "../src/store.ts";
import { stores } from "./stores.ts";

interface Tables {
  readonly orders: {
    readonly id: Generated<number>;
    readonly customer: string;
    readonly cents: number;
    readonly note: string | null;
  };
}

describe.each(stores)("Kysely on $name", ({ fresh }) => {
  async function shop() {
    const store = (await fresh()).open({ client: (sql) => kyselyOn<Tables>(sql) });
    await store.open();
    await store.query(
      `create table orders (id ${store.dialect.sequence}, customer text not null, cents bigint not null, note text, unique (customer, cents))`,
    );
    return store;
  }

  test("inserts, updates, selects and deletes as part of the transaction that it is made for", async () => {
    const store = await shop();
    const transaction = await store.begin();
    const db = store.client(transaction);
    const { id } = await db
      .insertInto("orders")
      .values({ customer: "ann", cents: 1_250 })
      .returning("id")
      .executeTakeFirstOrThrow();
    const again = db.insertInto("orders").values({ customer: "ann", cents: 1_250 });
    const { numInsertedOrUpdatedRows } = await again
      .onConflict((on) => on.doNothing())
      .executeTakeFirstOrThrow();
    expect(numInsertedOrUpdatedRows).toBe(0n);
    await db
      .updateTable("orders")
      .set((now) => ({ cents: now("cents", "+", 50), note: "it's paid" }))
      .where("id", "=", id)
      .execute();
    expect(await store.query("select * from orders")).toMatchObject({ rows: [] });
    await transaction.commit();

    await inTransaction(store, async (sql) => {
      const found = await store.client(sql).selectFrom("orders").selectAll().where("cents", ">", 0).execute();
      expect(found).toEqual([{ id, customer: "ann", cents: 1_300, note: "it's paid" }]);
      const gone = await store.client(sql).deleteFrom("orders").executeTakeFirstOrThrow();
      expect(gone.numDeletedRows).toBe(1n);
    });
  });

  test("says that its own transactions are not needed", async () => {
    const store = await shop();
    const attempt = inTransaction(store, (sql) =>
      store
        .client(sql)
        .transaction()
        .execute(async () => {}),
    );
    await expect(attempt).rejects.toThrow(/part of a transaction of Warren already/);
  });
});
