import { deepEqual, equal } from "node:assert/strict";
import { inTransaction, type SqlValue } from "../../store.ts";
import { counters, countOf, fails, refuses, type StoreBehaviour } from "./stage.ts";

const raise = "update counters set n = n + 1 where id = $1";

const controls = [
  "begin",
  "BEGIN immediate",
  "start transaction",
  "commit",
  " -- that's it\n /* so */ Commit;",
  "end",
  "abort",
  "rollback",
  "rollback work",
  "; rollback;",
  "prepare transaction 'x'",
];

const noValues: readonly (readonly [unknown, RegExp])[] = [
  [new Date(0), /\$1 is an object \(Date\).*toISOString/],
  [{}, /\$1 is an object \(Object\).*JSON/],
  [{ a: 1 }, /\$1 is an object/],
  [[1, 2], /\$1 is an array/],
  [true, /\$1 is true.*1 or 0/],
  [undefined, /\$1 is undefined.*null/],
  [Number.NaN, /\$1 is NaN/],
  [Number.POSITIVE_INFINITY, /\$1 is Infinity/],
];

/** What is refused, since one database would do it, and another one something else or nothing. */
export const statements: readonly StoreBehaviour[] = [
  {
    title: "what is no value for a database is refused, and what to give instead is said",
    async run(stage) {
      const store = await stage.open();
      for (const [value, what] of noValues) {
        await refuses(store.query("select cast($1 as text) as a", [value as SqlValue]), what);
        await refuses(
          inTransaction(store, (sql) => sql.query("select cast($1 as text) as a", [value as SqlValue])),
          what,
        );
      }
      const second = store.query("select cast($1 as text), cast($2 as text)", ["a", new Date(0) as never]);
      await refuses(second, /\$2 is/);
    },
  },
  {
    title: "several statements in one text are refused, and none of them is done",
    async run(stage) {
      const store = await stage.open();
      await counters(store, "a");
      const several = [
        "update counters set n = 7; update counters set n = 8",
        "update counters set n = 7 where id = 'a;' or n = 0; -- and\n delete from counters",
        "create table more (id bigint); insert into more values (1)",
      ];
      // Whatever a store keeps of a text, it is the same the second time.
      for (const text of [...several, ...several]) {
        await refuses(store.query(text), /several statements/);
        await refuses(
          inTransaction(store, (sql) => sql.query(text)),
          /several statements/,
        );
      }
      equal(await countOf(store, "a"), 0);
      await fails(store.query("select * from more"));
    },
  },
  {
    title: "one statement with a semicolon, blanks and comments behind it is one",
    async run(stage) {
      const store = await stage.open();
      await counters(store, "a");
      for (const end of [";", " ; -- done; really", "; /* ; * / */ ;\n", " /* it; */"])
        equal((await store.query(`update counters set n = n + 1 where id <> ';'${end}`)).changes, 1);
      equal(await countOf(store, "a"), 4);
    },
  },
  {
    title: "statements that begin or end a transaction are refused, and what was done before is undone",
    async run(stage) {
      const store = await stage.open();
      await counters(store, "a");
      for (const text of [...controls, ...controls]) {
        await refuses(store.query(text), /begins and ends transactions itself/);
        const transaction = await store.begin();
        await transaction.query(raise, ["a"]);
        await refuses(transaction.query(text), /begins and ends transactions itself/);
        // Who asked for it and goes on believes that it was done.
        await fails(transaction.query(raise, ["a"]), /failed before/);
        await fails(transaction.commit(), /failed before/);
      }
      equal(await countOf(store, "a"), 0);
    },
  },
  {
    title: "words within a statement, a name or a comment begin and end nothing",
    async run(stage) {
      const store = await stage.open();
      await store.query(`create table ending ("commit" bigint, beginning text)`);
      await store.query("/* commit */ insert into ending values (1, 'rollback')");
      const { rows } = await store.query('-- begin\nselect "commit", beginning from ending');
      deepEqual(
        rows.map((row) => ({ ...row })),
        [{ commit: 1, beginning: "rollback" }],
      );
    },
  },
  {
    title: "savepoints work, also to go back to after a statement that failed or was refused",
    async run(stage) {
      const store = await stage.open();
      await counters(store, "a");
      await inTransaction(store, async (sql) => {
        await sql.query(raise, ["a"]);
        await sql.query("savepoint here");
        await sql.query(raise, ["a"]);
        await sql.query("rollback to here");
        for (const bad of ["insert into counters (id, n) values ('a', 0)", "commit"]) {
          await sql.query("update counters set n = 100");
          await fails(sql.query(bad));
          await fails(sql.query(raise, ["a"]), /failed before/);
          await sql.query("rollback to savepoint here");
        }
        await sql.query("release savepoint here");
        await sql.query(raise, ["a"]);
      });
      equal(await countOf(store, "a"), 2);
    },
  },
];
