import pg from "pg";
import { describe, expect, inject, onTestFinished, test, vi } from "vitest";
import { type PostgresOptions, postgres } from "../src/postgres/index.ts";
import { inTransaction, OutcomeUnknown, type Sql, type Store, StoreUnreachable } from "../src/store.ts";
import { tcpProxy } from "../src/testing/index.ts";
import { asAdmin, freshPostgres } from "./stores.ts";

const table = "create table t (id bigint primary key)";

function opened(options: PostgresOptions<Sql>): Store {
  const store = postgres(options);
  onTestFinished(() => store.close());
  return store;
}

/** Ends all sessions of a database from outside, as a restart of the server does. */
async function endSessions(url: string): Promise<void> {
  const name = new URL(url).pathname.slice(1);
  await asAdmin(`select pg_terminate_backend(pid, 5000) from pg_stat_activity where datname = '${name}'`);
}

async function ids(store: Sql): Promise<number[]> {
  const { rows } = await store.query<{ id: number }>("select id from t order by id");
  return rows.map(({ id }) => id);
}

describe("a connection that is lost", () => {
  test("while nobody uses it is replaced without anybody noticing", async () => {
    const { location: url } = await freshPostgres();
    const store = opened({ url, maxConnections: 5 });
    await store.query(table);
    await Promise.all(Array.from({ length: 5 }, () => store.query("select pg_sleep(0.05)")));
    await endSessions(url);
    await inTransaction(store, (sql) => sql.query("insert into t values (1)"));
    await endSessions(url);
    await vi.waitFor(async () => expect(await ids(store)).toEqual([1]));
  });

  test("within a transaction fails and undoes it, says where, and the next one works", async () => {
    const { location: url } = await freshPostgres();
    const store = opened({ url, maxConnections: 1 });
    await store.query(table);
    const transaction = await store.begin();
    await transaction.query("insert into t values (1)");
    await endSessions(url);
    const failure = await transaction.query("insert into t values (2)").catch((error: Error) => error);
    expect(failure).toMatchObject({ message: expect.stringMatching(/test_\w+ at 127.0.0.1:\d+.*lost/) });
    expect(String(failure)).not.toContain(new URL(url).password);
    await transaction.rollback();
    expect(await ids(store)).toEqual([]);
  });

  test("between two statements of a transaction does not end the process", async () => {
    const { location: url } = await freshPostgres();
    const store = opened({ url, maxConnections: 1 });
    await store.query(table);
    const transaction = await store.begin();
    await transaction.query("insert into t values (1)");
    await endSessions(url);
    // By then this process has heard of it.
    await opened({ url }).query("select 1");
    await expect(transaction.commit()).rejects.toThrow(OutcomeUnknown);
    expect(await ids(store)).toEqual([]);
  });

  test("during a commit leaves open whether it is done, and says so", async () => {
    const { location } = await freshPostgres();
    const direct = opened({ url: location });
    await direct.query(table);
    const { hostname, port } = new URL(location);
    const proxy = await tcpProxy({ host: hostname, port: Number(port) });
    onTestFinished(() => proxy.close());
    const url = new URL(location);
    url.port = String(proxy.port);
    const store = opened({ url: url.href });
    const transaction = await store.begin();
    await transaction.query("insert into t values (1)");
    // The statement arrives, its answer does not.
    proxy.cutAfter("down", 0);
    const failure = await transaction.commit().catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(OutcomeUnknown);
    expect(String(failure)).toMatch(/not known/);
    await vi.waitFor(async () => expect(await ids(direct)).toEqual([1]));
    await inTransaction(store, (sql) => sql.query("insert into t values (2)"));
    expect(await ids(store)).toEqual([1, 2]);
  });
});

describe("what cannot be opened", () => {
  const given = () => new URL(inject("databaseUrl"));

  test("is named with host and database, without the password", async () => {
    const url = given();
    url.password = "a-wrong-secret";
    const failure = await opened({ url: url.href })
      .open()
      .catch((error: unknown) => error);
    expect(String(failure)).toMatch(
      /postgres at 127.0.0.1:\d+ \(user warren\).*password authentication failed/,
    );
    expect(toldBy(failure)).not.toContain("a-wrong-secret");
  });

  test("where nobody listens, is named too", async () => {
    const store = opened({ url: "postgres://me:hidden@127.0.0.1:1/shop" });
    await expect(store.open()).rejects.toThrow(/shop at 127.0.0.1:1 \(user me\).*ECONNREFUSED/);
  });

  test("because its URL is none, is not quoted", () => {
    const attempt = () => postgres({ url: "postgres://me:hid/den@:x:1/shop" });
    expect(attempt).toThrow(/looks like postgres:/);
    expect(attempt).not.toThrow(/hid/);
  });

  test.each(["mysql://me:hidden@127.0.0.1:5434/shop", "localhost", "", "hidden@host/shop"])(
    "because its URL is of something else, is refused without a look at what it may be: %s",
    (url) => {
      const attempt = () => postgres({ url });
      expect(attempt).toThrow(TypeError);
      expect(attempt).toThrow(/looks like postgres:/);
      expect(attempt).not.toThrow(/hidden/);
    },
  );

  test("because neither url nor pool is given, or both are, is refused", () => {
    expect(() => postgres({})).toThrow(/either a url or a pool/);
  });
});

describe("schemas", () => {
  test("are made where they are missing, by several at once, and hold what is named without one", async () => {
    const { location: url } = await freshPostgres();
    const [one, same, other] = [
      opened({ url, schema: "stock" }),
      opened({ url, schema: "stock" }),
      opened({ url, schema: 'or"ders' }),
    ];
    await Promise.all([one.open(), same.open(), other.open()]);
    await one.query(table);
    await other.query(table);
    await inTransaction(one, (sql) => sql.query("insert into t values (1)"));
    expect([await ids(same), await ids(other)]).toEqual([[1], []]);
    const plain = opened({ url });
    expect((await plain.query("select id from stock.t")).rows).toHaveLength(1);
    await expect(plain.query("select id from t")).rejects.toThrow(/does not exist/);
  });

  test("are made with the first statement where nobody opened the store, also by several at once", async () => {
    const { location: url } = await freshPostgres();
    const pool = new pg.Pool({ connectionString: url });
    onTestFinished(() => pool.end());
    for (const [schema, store] of [
      ["stock", opened({ url, schema: "stock" })],
      ["orders", opened({ pool, schema: "orders" })],
    ] as const) {
      await Promise.all([
        inTransaction(store, (sql) => sql.query(table)),
        store.query("select 1"),
        inTransaction(store, (sql) => sql.query("select 1")),
      ]);
      expect((await store.query(`select id from ${schema}.t`)).rows).toEqual([]);
    }
  });

  test("that could not be made are tried again with the next statement", async () => {
    const { location: url } = await freshPostgres();
    const { hostname, port, href } = new URL(url);
    const proxy = await tcpProxy({ host: hostname, port: Number(port) });
    onTestFinished(() => proxy.close());
    const through = new URL(href);
    through.port = String(proxy.port);
    const store = opened({ url: through.href, schema: "stock" });
    proxy.cutAfter("down", 0);
    await expect(store.begin()).rejects.toThrow(StoreUnreachable);
    await inTransaction(store, (sql) => sql.query(table));
    expect(await ids(store)).toEqual([]);
  });

  test("need no right to make one where they are there", async () => {
    const { location: url } = await freshPostgres();
    const owner = opened({ url, schema: "stock" });
    await owner.open();
    const role = `guest_${new URL(url).pathname.slice(6)}`;
    await owner.query(`create role ${role} login password 'pw'`);
    onTestFinished(() => asAdmin(`drop role ${role}`));
    await owner.query(`grant usage on schema stock to ${role}`);
    onTestFinished(async () => void (await owner.query(`drop owned by ${role}`).catch(() => {})));
    const guest = new URL(url);
    [guest.username, guest.password] = [role, "pw"];
    await opened({ url: guest.href, schema: "stock" }).open();
    await expect(opened({ url: guest.href, schema: "more" }).open()).rejects.toThrow(
      /cannot be opened.*permission/,
    );
  });
});

describe("the application's own pool", () => {
  async function own(max = 3): Promise<{ pool: pg.Pool; url: string }> {
    const { location: url } = await freshPostgres();
    const pool = new pg.Pool({ connectionString: url, max });
    onTestFinished(() => pool.end());
    return { pool, url };
  }

  test("is used, and stays open when the store closes", async () => {
    const { pool } = await own();
    const store = opened({ pool });
    await store.query(table);
    await inTransaction(store, (sql) => sql.query("insert into t values (1)"));
    await store.close();
    expect((await pool.query("select id from t")).rows).toEqual([{ id: "1" }]);
  });

  test("keeps its own schema and its own types beside those of the store", async () => {
    const { pool } = await own(1);
    const store = opened({ pool, schema: "stock" });
    await store.open();
    await store.query(table);
    await store.query("insert into t values ($1)", [7]);
    await inTransaction(store, (sql) => sql.query("insert into t values (8)"));
    expect(await ids(store)).toEqual([7, 8]);
    const { rows } = await pool.query(
      "select current_schema() as schema, (select count(*) from stock.t) as n",
    );
    expect(rows).toEqual([{ schema: "public", n: "2" }]);
  });

  test("does not end the process when its idle connections are ended", async () => {
    const { pool, url } = await own();
    const store = opened({ pool });
    await store.query("select 1");
    await endSessions(url);
    expect((await store.query<{ n: number }>("select 1 as n")).rows[0]!.n).toBe(1);
  });
});

describe("limits", () => {
  test("no more connections are used than allowed, and further transactions wait in order", async () => {
    const { location: url } = await freshPostgres();
    const store = opened({ url, maxConnections: 2 });
    const [one, two] = [await store.begin(), await store.begin()];
    const order: number[] = [];
    const later = [3, 4, 5].map((n) =>
      inTransaction(store, async (sql) => void (order.push(n), await sql.query("select 1"))),
    );
    const { rows } = await one.query<{ n: number }>(
      "select count(*) as n from pg_stat_activity where datname = current_database()",
    );
    expect([rows[0]!.n, order]).toEqual([2, []]);
    await two.rollback();
    await Promise.all(later);
    expect(order).toEqual([3, 4, 5]);
    await one.rollback();
  });

  test("a statement that takes too long is ended, and so is a transaction that does nothing", async () => {
    const { location: url } = await freshPostgres();
    const store = opened({ url, statementTimeoutMs: 50, idleTransactionTimeoutMs: 100 });
    await expect(store.query("select pg_sleep(10)")).rejects.toThrow(/statement timeout/);
    const transaction = await store.begin();
    const watcher = opened({ url });
    await vi.waitFor(async () => {
      const { rows } = await watcher.query(
        "select 1 from pg_stat_activity where state = 'idle in transaction' and datname = current_database()",
      );
      expect(rows).toEqual([]);
    });
    await expect(transaction.query("select 1")).rejects.toThrow(/lost/);
    await transaction.rollback();
    await store.query("select 1");
  });

  test("a whole number beyond those of JavaScript is an error, not another number", async () => {
    const { location: url } = await freshPostgres();
    const store = opened({ url });
    await expect(store.query("select 9007199254740993::bigint as n")).rejects.toThrow(/9007199254740993/);
    const { rows } = await store.query("select 0.10::numeric as price, 12::numeric as total");
    expect(rows).toEqual([{ price: "0.10", total: 12 }]);
  });
});

test("claimers do not wait for rows that others have locked", async () => {
  const { location: url } = await freshPostgres();
  const store = opened({ url, statementTimeoutMs: 2_000 });
  await store.query(table);
  await store.query("insert into t values (1), (2), (3)");
  const take = `select id from t order by id limit 2 ${store.dialect.skipLocked}`;
  const [one, two] = [await store.begin(), await store.begin()];
  expect([await ids({ query: () => one.query(take) as never }), (await two.query(take)).rows]).toEqual([
    [1, 2],
    [{ id: 3 }],
  ]);
  await Promise.all([one.rollback(), two.rollback()]);
});

test("a prepared statement whose table has changed fails once, and works again", async () => {
  const { location: url } = await freshPostgres();
  const store = opened({ url, maxConnections: 1 });
  await store.query(table);
  for (let i = 0; i < 3; i++) await store.query("select * from t");
  const { rows } = await store.query<{ n: number }>("select count(*) as n from pg_prepared_statements");
  expect(rows[0]!.n).toBe(1);
  await store.query("alter table t add column word text");
  await store.query("select * from t").catch(() => {});
  await store.query("insert into t values (1, 'x')");
  expect((await store.query("select * from t")).rows).toEqual([{ id: 1, word: "x" }]);
});

/** All that a logger might write of an error. */
function toldBy(error: unknown): string {
  return error instanceof Error
    ? `${error.stack} ${JSON.stringify(error)} ${toldBy(error.cause)}`
    : String(error);
}
