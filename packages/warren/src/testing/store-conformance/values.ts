import { deepEqual, equal, ok } from "node:assert/strict";
import type { SqlValue, Store } from "../../store.ts";
import { fails, type StoreBehaviour } from "./stage.ts";

async function kept(store: Store, column: string, values: readonly SqlValue[]): Promise<unknown[]> {
  await store.query(`create table kept (id bigint primary key, value ${column})`);
  for (const [id, value] of values.entries())
    await store.query("insert into kept (id, value) values ($1, $2)", [id, value]);
  const { rows } = await store.query<{ value: unknown }>("select value from kept order by id");
  return rows.map(({ value }) => value);
}

/** What goes in comes out. */
export const values: readonly StoreBehaviour[] = [
  {
    title: "whole numbers come back as numbers, up to 2^53 - 1 on both sides of zero, and null as null",
    async run(stage) {
      const numbers = [0, 1, -1, 2 ** 31, 2 ** 53 - 1, -(2 ** 53 - 1), 1_795_276_338_123, null];
      deepEqual(await kept(await stage.open(), "bigint", numbers), numbers);
    },
  },
  {
    title:
      "text comes back as it was: any script, quotes, line breaks, what looks like a number, a million characters",
    async run(stage) {
      const texts = [
        "",
        "007",
        "1e3",
        "null",
        'it\'s "so"\\n\r\n\t',
        "Köln 東京 🇪🇺 e\u0301 \u200d",
        "$1 ? :a %s",
      ];
      const all = [...texts, "x".repeat(1_000_000), "🦫".repeat(10_000), null];
      deepEqual(await kept(await stage.open(), "text", all), all);
    },
  },
  {
    title: "a number in a column of text is its digits",
    async run(stage) {
      deepEqual(await kept(await stage.open(), "text", [5, -12, 2 ** 40]), ["5", "-12", "1099511627776"]);
    },
  },
  {
    title: "bytes come back as a plain Uint8Array with the same bytes, none and a megabyte of them as well",
    async run(stage) {
      const store = await stage.open();
      const every = Uint8Array.from({ length: 256 }, (_, i) => i);
      const large = Uint8Array.from({ length: 2 ** 20 }, (_, i) => (i * 31) % 251);
      // A view on a part of something larger, as the driver's own buffers are.
      const view = every.subarray(100, 103);
      const all = [every, new Uint8Array(0), large, view, Buffer.from("abc"), null];
      const found = await kept(store, store.dialect.bytes, all);
      for (const [i, value] of all.entries()) {
        if (value === null) equal(found[i], null);
        else {
          equal(Object.getPrototypeOf(found[i]), Uint8Array.prototype);
          ok(Buffer.from(value).equals(found[i] as Uint8Array));
        }
      }
    },
  },
  {
    title: "counts and sums are numbers",
    async run(stage) {
      const store = await stage.open();
      await kept(store, "bigint", [1, 2, 2 ** 40]);
      const { rows } = await store.query("select count(*) as many, sum(value) as total from kept");
      deepEqual({ ...rows[0] }, { many: 3, total: 2 ** 40 + 3 });
    },
  },
  {
    title: "placeholders may come twice, in any order, and there may be more than nine",
    async run(stage) {
      const store = await stage.open();
      await kept(store, "text", ["a", "b", "c"]);
      const { rows } = await store.query(
        "select id from kept where value = $2 or (value = $1 and value = $1) order by id",
        ["a", "c"],
      );
      deepEqual(
        rows.map(({ id }) => id),
        [0, 2],
      );
      const many = Array.from({ length: 12 }, (_, i) => i + 10);
      const places = many.map((_, i) => `($${i + 1}, 'x')`).join(", ");
      equal((await store.query(`insert into kept (id, value) values ${places}`, many)).changes, 12);
      equal((await store.query("select id from kept where id = $1", [21])).rows.length, 1);
    },
  },
  {
    title: "what looks like a placeholder within quotes or a comment is none",
    async run(stage) {
      const store = await stage.open();
      await kept(store, "text", ["costs $1", "x"]);
      const text =
        "select id from kept where value = 'costs $1' or value = $1 /* not $2 */ order by id -- $3";
      equal((await store.query(text, ["x"])).rows.length, 2);
    },
  },
  {
    title: "a statement with too few or too many values fails",
    async run(stage) {
      const store = await stage.open();
      await kept(store, "text", ["a"]);
      await fails(store.query("select id from kept where value = $1", []));
      await fails(store.query("select id from kept where value = $1", ["a", "b"]));
      await fails(store.query("insert into kept (id, value) values ($1, $2)", [1]));
    },
  },
  {
    title: "changes says how many rows an insert, update or delete was about, and returning gives them",
    async run(stage) {
      const store = await stage.open();
      await kept(store, "text", ["a", "b", "c"]);
      equal((await store.query("update kept set value = $1 where id > $2", ["z", 0])).changes, 2);
      const twice = "insert into kept (id, value) values (0, 'x'), (7, 'y') on conflict do nothing";
      equal((await store.query(twice)).changes, 1);
      equal((await store.query(twice)).changes, 0);
      const gone = await store.query("delete from kept where id < $1 returning id, value", [1]);
      deepEqual([gone.changes, gone.rows.map((row) => ({ ...row }))], [1, [{ id: 0, value: "a" }]]);
      equal((await store.query("delete from kept")).changes, 3);
    },
  },
  {
    title: "a column that counts up by itself does so",
    async run(stage) {
      const store = await stage.open();
      await store.query(`create table counted (seq ${store.dialect.sequence}, word text not null)`);
      const add = "insert into counted (word) values ($1) returning seq";
      const [one, other] = [await store.query(add, ["a"]), await store.query(add, ["b"])];
      ok(Number(other.rows[0]!.seq) > Number(one.rows[0]!.seq));
      equal(typeof one.rows[0]!.seq, "number");
    },
  },
];
