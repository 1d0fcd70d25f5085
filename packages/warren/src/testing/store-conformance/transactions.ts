import { deepEqual, equal } from "node:assert/strict";
import { inTransaction, type Sql } from "../../store.ts";
import { counters, countOf, fails, type StoreBehaviour } from "./stage.ts";

const raise = "update counters set n = n + 1 where id = $1";

/** All of it or nothing. */
export const transactions: readonly StoreBehaviour[] = [
  {
    title: "what is committed is seen by others, and by none before",
    async run(stage) {
      const [one, other] = [await stage.open(), await stage.open()];
      await counters(one, "a");
      const transaction = await one.begin();
      await transaction.query(raise, ["a"]);
      equal(await countOf(transaction, "a"), 1, "the transaction itself sees it");
      deepEqual([await countOf(one, "a"), await countOf(other, "a")], [0, 0]);
      await transaction.commit();
      deepEqual([await countOf(one, "a"), await countOf(other, "a")], [1, 1]);
    },
  },
  {
    title: "what is rolled back never was",
    async run(stage) {
      const store = await stage.open();
      await counters(store, "a");
      const transaction = await store.begin();
      await transaction.query(raise, ["a"]);
      await transaction.query("insert into counters (id, n) values ('b', 7)");
      await transaction.rollback();
      deepEqual([await countOf(store, "a"), await countOf(store, "b")], [0, undefined]);
    },
  },
  {
    title: "tables are made and undone like rows",
    async run(stage) {
      const store = await stage.open();
      const transaction = await store.begin();
      await transaction.query("create table passing (id text primary key)");
      await transaction.query("insert into passing (id) values ('a')");
      await transaction.rollback();
      await fails(store.query("select * from passing"));
    },
  },
  {
    title:
      "after a statement that failed there is only rollback: others fail, and a commit does, changing nothing",
    async run(stage) {
      const store = await stage.open();
      await counters(store, "a");
      for (const end of ["commit", "rollback"] as const) {
        const transaction = await store.begin();
        await transaction.query(raise, ["a"]);
        await fails(transaction.query("insert into counters (id, n) values ('a', 0)"));
        await fails(transaction.query(raise, ["a"]));
        if (end === "commit") await fails(transaction.commit());
        else await transaction.rollback();
        equal(await countOf(store, "a"), 0);
      }
      await store.query(raise, ["a"]);
      equal(await countOf(store, "a"), 1, "the store goes on");
    },
  },
  {
    title:
      "a transaction that is over takes no statements, commits no second time, and may be rolled back in vain",
    async run(stage) {
      const store = await stage.open();
      await counters(store, "a");
      for (const end of ["commit", "rollback"] as const) {
        const transaction = await store.begin();
        await transaction.query(raise, ["a"]);
        await transaction[end]();
        await fails(transaction.query(raise, ["a"]), /over/);
        await fails(transaction.commit(), /over/);
        await transaction.rollback();
      }
      equal(await countOf(store, "a"), 1);
    },
  },
  {
    title: "a single statement that fails changes nothing and disturbs nothing",
    async run(stage) {
      const store = await stage.open();
      await counters(store, "a");
      await fails(store.query("insert into counters (id, n) values ('b', 1), ('a', 1)"));
      await fails(store.query("selekt"));
      equal(await countOf(store, "b"), undefined);
    },
  },
  {
    title: "statements that are not waited for run one after the other, before the commit",
    async run(stage) {
      const store = await stage.open();
      await counters(store, "a");
      const transaction = await store.begin();
      const both = Promise.all([
        transaction.query("update counters set n = n + 5 where id = 'a'"),
        transaction.query("update counters set n = n * 2 where id = 'a'"),
      ]);
      await transaction.commit();
      await both;
      equal(await countOf(store, "a"), 10);
    },
  },
  {
    title: "one that is rolled back among many takes none of them with it",
    async run(stage) {
      const store = await stage.open();
      await counters(store, ..."abcdefghij");
      const outcomes = await Promise.allSettled(
        [..."abcdefghij"].map((id, i) =>
          inTransaction(store, async (sql) => {
            await sql.query(raise, [id]);
            if (i % 3 === 1) throw new Error("not this one");
            if (i % 3 === 2) await sql.query("insert into counters (id, n) values ('a', 0)");
          }),
        ),
      );
      const wanted = [..."abcdefghij"].map((_, i) => (i % 3 === 0 ? 1 : 0));
      deepEqual(
        outcomes.map(({ status }) => (status === "fulfilled" ? 1 : 0)),
        wanted,
      );
      const { rows } = await store.query<{ n: number }>("select n from counters order by id");
      deepEqual(
        rows.map(({ n }) => n),
        wanted,
      );
    },
  },
  {
    title: "the application's client works in the transaction that it is made for",
    async run(stage) {
      const store = await stage.open({
        client: (sql: Sql) => ({ raise: (id: string) => sql.query(raise, [id]) }),
      });
      await counters(store, "a");
      const transaction = await store.begin();
      await store.client(transaction).raise("a");
      equal(await countOf(store, "a"), 0);
      await transaction.rollback();
      equal(await countOf(store, "a"), 0);
      await inTransaction(store, (sql) => store.client(sql).raise("a"));
      equal(await countOf(store, "a"), 1);
      const plain = await stage.open();
      await plain.client(plain).query(raise, ["a"]);
      equal(await countOf(store, "a"), 2, "which is plain SQL where none was given");
    },
  },
];
