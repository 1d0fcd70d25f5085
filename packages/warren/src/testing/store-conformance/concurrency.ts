import { deepEqual, equal } from "node:assert/strict";
import { inTransaction, type Sql, type Store } from "../../store.ts";
import { counters, countOf, type StoreBehaviour } from "./stage.ts";

const claim = "insert into counters (id, n) values ('key', 1) on conflict do nothing";

/** Reads and writes in two steps, which loses changes unless others wait. */
async function raiseInSteps(sql: Sql, ending: string): Promise<void> {
  const { rows } = await sql.query<{ n: number }>(`select n from counters where id = 'a' ${ending}`);
  await sql.query("update counters set n = $1 where id = 'a'", [rows[0]!.n + 1]);
}

/** Takes rows that nobody has taken until there are none. @returns which */
async function takeAll(store: Store, name: string): Promise<number[]> {
  const taken: number[] = [];
  for (;;) {
    const some = await inTransaction(store, async (sql) => {
      const free = "select id from work where taken_by is null order by id limit 3";
      const { rows } = await sql.query<{ id: number }>(`${free} ${store.dialect.skipLocked}`);
      for (const { id } of rows) await sql.query("update work set taken_by = $1 where id = $2", [name, id]);
      return rows;
    });
    taken.push(...some.map(({ id }) => id));
    if (some.length > 0) continue;
    // Rows that others had locked may have been given back.
    const { rows } = await store.query<{ n: number }>(
      "select count(*) as n from work where taken_by is null",
    );
    if (rows[0]!.n === 0) return taken;
  }
}

/** Several at once, in one process and in several. */
export const concurrency: readonly StoreBehaviour[] = [
  {
    title: "of two that insert the same key, the later waits: it inserts nothing when the other one commits",
    async run(stage) {
      const [one, other] = [await stage.open(), await stage.open()];
      await counters(one);
      const first = await one.begin();
      equal((await first.query(claim)).changes, 1);
      const second = inTransaction(other, async (sql) => (await sql.query(claim)).changes);
      await first.commit();
      equal(await second, 0);
    },
  },
  {
    title:
      "of two that insert the same key, the later waits: it inserts it when the other one is rolled back",
    async run(stage) {
      const [one, other] = [await stage.open(), await stage.open()];
      await counters(one);
      const first = await one.begin();
      equal((await first.query(claim)).changes, 1);
      const second = inTransaction(other, async (sql) => (await sql.query(claim)).changes);
      await first.rollback();
      equal(await second, 1);
    },
  },
  {
    title: "of many that insert the same key at once, one does",
    async run(stage) {
      const [one, other] = [await stage.open(), await stage.open()];
      await counters(one);
      const all = await Promise.all(
        Array.from({ length: 20 }, (_, i) =>
          inTransaction(i % 2 === 0 ? one : other, async (sql) => (await sql.query(claim)).changes),
        ),
      );
      equal(
        all.reduce((sum, changes) => sum + changes, 0),
        1,
      );
    },
  },
  {
    title: "rows that are read to be changed are not changed meanwhile",
    async run(stage) {
      const [one, other] = [await stage.open(), await stage.open()];
      await counters(one, "a");
      await Promise.all(
        Array.from({ length: 30 }, (_, i) =>
          inTransaction(i % 2 === 0 ? one : other, (sql) => raiseInSteps(sql, one.dialect.forUpdate)),
        ),
      );
      equal(await countOf(one, "a"), 30);
    },
  },
  {
    title: "transactions with the same lock run one after the other",
    async run(stage) {
      const [one, other] = [await stage.open(), await stage.open()];
      await counters(one, "a");
      await Promise.all(
        Array.from({ length: 30 }, (_, i) =>
          inTransaction(i % 2 === 0 ? one : other, async (sql) => {
            const lock = one.dialect.lock("it's ours");
            if (lock !== undefined) await sql.query(lock);
            await raiseInSteps(sql, "");
          }),
        ),
      );
      equal(await countOf(one, "a"), 30);
    },
  },
  {
    title: "claimers that skip what is locked take each row once, and all of them together",
    async run(stage) {
      const [one, other] = [await stage.open(), await stage.open()];
      await one.query("create table work (id bigint primary key, taken_by text)");
      const ids = Array.from({ length: 100 }, (_, i) => i);
      const places = ids.map((_, i) => `($${i + 1})`).join(", ");
      await one.query(`insert into work (id) values ${places}`, ids);
      const taken = await Promise.all([
        takeAll(one, "a"),
        takeAll(one, "b"),
        takeAll(other, "c"),
        takeAll(other, "d"),
      ]);
      deepEqual(
        taken.flat().sort((a, b) => a - b),
        ids,
      );
    },
  },
  {
    title: "a hundred transactions at once all get their turn",
    async run(stage) {
      const store = await stage.open();
      await counters(store, "a");
      const done: number[] = [];
      await Promise.all(
        Array.from({ length: 100 }, (_, i) =>
          inTransaction(store, async (sql) => {
            await sql.query("update counters set n = n + 1 where id = 'a'");
          }).then(() => void done.push(i)),
        ),
      );
      equal(done.length, 100);
      equal(await countOf(store, "a"), 100);
    },
  },
];
