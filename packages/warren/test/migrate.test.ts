import { describe, expect, test } from "vitest";
import { migrate } from "../src/store/migrate.ts";
import type { Migration } from "../src/store/migration.ts";
import { stores } from "./stores.ts";

const first: Migration = { name: "first", up: ({ sequence }) => [`create table one (id ${sequence})`] };
const second: Migration = {
  name: "second",
  up: () => ["alter table one add column word text", "insert into one (word) values ('here')"],
};

describe.each(stores)("migrations on $name", ({ fresh }) => {
  test("are done once, in order, when several processes start at once", async () => {
    const database = await fresh();
    const all = Array.from({ length: 5 }, () => database.open());
    await Promise.all(all.map((store) => store.open()));
    await Promise.all(all.map((store) => migrate(store, [first])));
    await Promise.all(all.map((store) => migrate(store, [first, second])));
    expect((await all[0]!.query("select word from one")).rows).toEqual([{ word: "here" }]);
  });

  test("leave nothing when one of their statements fails, and can be tried again", async () => {
    const store = (await fresh()).open();
    const broken: Migration = { name: "broken", up: () => ["create table two (id bigint)", "create tabel"] };
    await expect(migrate(store, [first, broken])).rejects.toThrow(/syntax/);
    await expect(store.query("select * from two")).rejects.toThrow();
    await migrate(store, [first, second]);
    await migrate(store, [first, second]);
    expect((await store.query("select word from one")).rows).toHaveLength(1);
  });

  test("of a later version than this one knows are refused, and nothing is changed", async () => {
    const store = (await fresh()).open();
    await migrate(store, [first, second]);
    await expect(migrate(store, [first])).rejects.toThrow(/version 2; this version of Warren knows 1/);
    expect((await store.query("select max(version) as version from warren_migrations")).rows).toEqual([
      { version: 2 },
    ]);
  });

  test("of Warren's own tables can be done", async () => {
    const store = (await fresh()).open();
    await migrate(store);
    expect((await store.query("select count(*) as n from warren_outbox")).rows).toEqual([{ n: 0 }]);
  });

  test("say what is wrong where the database cannot be reached", async () => {
    const store = (await fresh()).open();
    await store.close();
    await expect(migrate(store)).rejects.toThrow(/closed/);
  });
});
