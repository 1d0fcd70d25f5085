import { deepEqual, equal, ok } from "node:assert/strict";
import { inTransaction } from "../../store.ts";
import { counters, countOf, fails, type StoreBehaviour } from "./stage.ts";

/** How a store comes and goes. */
export const opening: readonly StoreBehaviour[] = [
  {
    title: "several stores open a new database at the same moment, and opening twice is opening once",
    async run(stage) {
      const all = Array.from({ length: 4 }, () => stage.make());
      await Promise.all(all.map((store) => store.open()));
      await Promise.all(all.map((store) => store.open()));
      await counters(all[0]!, "a");
      deepEqual(await Promise.all(all.map((store) => countOf(store, "a"))), [0, 0, 0, 0]);
    },
  },
  {
    title: "a store that nobody opened opens itself with its first transaction or statement",
    async run(stage) {
      const [one, other] = [stage.make(), stage.make()];
      await inTransaction(one, (sql) => sql.query("create table counters (id text primary key, n bigint)"));
      await other.query("insert into counters (id, n) values ('a', 1)");
      equal(await countOf(one, "a"), 1);
    },
  },
  {
    title: "closing waits for transactions under way, and for those that wait for their turn",
    async run(stage) {
      const [store, other] = [await stage.open(), await stage.open()];
      await counters(store, "a");
      const [first, waiting] = [await store.begin(), store.begin()];
      let isClosed = false;
      const closed = store.close().then(() => {
        isClosed = true;
      });
      await first.query("update counters set n = n + 1 where id = 'a'");
      await first.commit();
      const second = await waiting;
      await second.query("update counters set n = n + 1 where id = 'a'");
      ok(!isClosed);
      await second.commit();
      await closed;
      equal(await countOf(other, "a"), 2);
    },
  },
  {
    title: "a closed store says so, and closing twice is closing once",
    async run(stage) {
      const store = await stage.open();
      await Promise.all([store.close(), store.close()]);
      await store.close();
      await fails(store.begin(), /closed/);
      await fails(store.query("select 1"), /closed/);
      await fails(store.open(), /closed/);
    },
  },
  {
    title:
      "a store says that its database is there, opened or not, while transactions are under way, and to many at once",
    async run(stage) {
      const store = await stage.open();
      await counters(store, "a");
      await stage.make().ping(5_000);
      const transaction = await store.begin();
      const more = Array.from({ length: 20 }, () => store.begin().then((one) => one.rollback()));
      await transaction.query("update counters set n = n + 1 where id = 'a'");
      await Promise.all(Array.from({ length: 20 }, () => store.ping(5_000)));
      await transaction.rollback();
      await Promise.all(more);
    },
  },
  {
    title: "a closed store does not say that its database is there",
    async run(stage) {
      const [store, other] = [await stage.open(), await stage.open()];
      await store.ping(5_000);
      await Promise.all([store.ping(5_000), store.close()]);
      await fails(store.ping(5_000), /closed/);
      await other.ping(5_000);
    },
  },
  {
    title: "a store that was never opened closes",
    async run(stage) {
      await stage.make().close();
    },
  },
];
