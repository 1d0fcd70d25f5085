import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { logOnDisk } from "../src/sqlite/disk.ts";
import { type SqliteOptions, sqlite } from "../src/sqlite/index.ts";
import { inTransaction, OutcomeUnknown, type Sql, type Store } from "../src/store.ts";

function newFile(): string {
  const folder = mkdtempSync(join(tmpdir(), "warren-sqlite-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return join(folder, "state.db");
}

async function opened(options: SqliteOptions<Sql> = {}): Promise<Store> {
  const store = sqlite({ file: newFile(), ...options });
  onTestFinished(() => store.close());
  await store.open();
  await store.query("create table if not exists t (id bigint primary key, word text)");
  return store;
}

const add = (id: number, word = "") => ({
  text: "insert into t (id, word) values ($1, $2)",
  values: [id, word],
});

async function ids(store: Sql): Promise<number[]> {
  const { rows } = await store.query<{ id: number }>("select id from t order by id");
  return rows.map(({ id }) => id);
}

describe("transactions that wait for each other", () => {
  test("are committed without waiting for how the next one ends", async () => {
    const store = await opened();
    const first = await store.begin();
    const second = store.begin();
    await first.query(add(1).text, add(1).values);
    await first.commit();
    expect(await ids(store)).toEqual([1]);
    await (await second).rollback();
    expect(await ids(store)).toEqual([1]);
  });

  test("get their turn in the order they asked", async () => {
    const store = await opened();
    const order: number[] = [];
    await Promise.all(
      Array.from({ length: 50 }, (_, i) => inTransaction(store, async () => void order.push(i))),
    );
    expect(order).toEqual(Array.from({ length: 50 }, (_, i) => i));
  });

  test("only fail themselves when the disk is full, and the next ones work when there is room again", async () => {
    const store = await opened();
    await store.query("pragma max_page_count = 20");
    const outcomes = await Promise.allSettled(
      [1, 2, 3, 4, 5].map((id) =>
        inTransaction(store, async (sql) => {
          const { text, values } = add(id, id % 2 === 0 ? "x".repeat(200_000) : "small");
          await sql.query(text, values);
        }),
      ),
    );
    expect(outcomes.map(({ status }) => status === "fulfilled")).toEqual([true, false, true, false, true]);
    expect(outcomes[1]).toMatchObject({ reason: { message: expect.stringMatching(/full/) } });
    expect(await ids(store)).toEqual([1, 3, 5]);
    await store.query("pragma max_page_count = 100000");
    const { text, values } = add(2, "x".repeat(200_000));
    await store.query(text, values);
    expect(await ids(store)).toEqual([1, 2, 3, 5]);
  });

  test("share what is written to the disk, and each resolves after a writing that began after its commit", async () => {
    const file = newFile();
    writeFileSync(`${file}-wal`, "");
    const asked: PromiseWithResolvers<void>[] = [];
    const disk = logOnDisk(file, () => {
      const one = Promise.withResolvers<void>();
      asked.push(one);
      return one.promise;
    });
    onTestFinished(() => disk.close());
    const done: string[] = [];
    const commit = (name: string) => disk.synced().then(() => void done.push(name));
    const all = [commit("a"), commit("b"), commit("c")];
    expect(asked).toHaveLength(1);
    asked[0]!.resolve();
    await vi.waitFor(() => expect(asked).toHaveLength(2));
    expect(done).toEqual(["a"]);
    asked[1]!.resolve();
    await Promise.all(all);
    expect(done).toEqual(["a", "b", "c"]);
  });

  test("do not say that they are done when the disk fails, and there are none after that", async () => {
    const file = newFile();
    writeFileSync(`${file}-wal`, "");
    const disk = logOnDisk(file, () => Promise.reject(new Error("EIO")));
    onTestFinished(() => disk.close());
    disk.check();
    await expect(disk.synced()).rejects.toThrow(OutcomeUnknown);
    expect(() => disk.check()).toThrow(/disk failed/);
  });
});

describe("another process that writes", () => {
  test("is waited for, and named when it takes too long, while reading goes on", async () => {
    const file = newFile();
    const store = await opened({ file, busyTimeoutMs: 100 });
    const other = new DatabaseSync(file);
    onTestFinished(() => other.close());
    other.exec("begin immediate; insert into t (id) values (9)");
    await expect(store.begin()).rejects.toThrow(/Another process has been writing .* for 100 ms/);
    expect(await ids(store)).toEqual([]);
    const waiting = store.query(add(1).text, add(1).values);
    other.exec("commit");
    await waiting;
    expect(await ids(store)).toEqual([1, 9]);
  });

  test("loses nothing to this one, nor this one to it: four processes open a new file and count in it", async () => {
    const file = newFile();
    const index = join(import.meta.dirname, "../src/sqlite/index.ts");
    const program = `
      const { sqlite } = await import(${JSON.stringify(index)});
      const store = sqlite({ file: ${JSON.stringify(file)}, busyTimeoutMs: 20_000 });
      await store.open();
      await store.query("create table if not exists counted (n bigint not null)");
      for (let i = 0; i < 50; i++) {
        const transaction = await store.begin();
        const { rows } = await transaction.query("select count(*) as n, max(n) as top from counted");
        if (rows[0].n > 0 && rows[0].top !== rows[0].n) throw new Error("lost " + JSON.stringify(rows[0]));
        await transaction.query("insert into counted (n) values ($1)", [rows[0].n + 1]);
        await transaction.commit();
      }
      await store.close();`;
    const codes = await Promise.all(
      Array.from({ length: 4 }, async () => {
        const child = spawn(process.execPath, ["--input-type=module", "-e", program], {
          stdio: ["ignore", "ignore", "inherit"],
        });
        const [code] = await once(child, "close");
        return code;
      }),
    );
    expect(codes).toEqual([0, 0, 0, 0]);
    const store = await opened({ file });
    expect((await store.query("select count(*) as n, max(n) as top from counted")).rows).toEqual([
      { n: 200, top: 200 },
    ]);
  });
});

test("in memory there is a store as well, of its own", async () => {
  const [one, other] = [sqlite(), sqlite()];
  onTestFinished(async () => void (await Promise.all([one.close(), other.close()])));
  await one.open();
  await one.query("create table t (id bigint primary key)");
  await inTransaction(one, (sql) => sql.query("insert into t values (1)"));
  expect(await ids(one)).toEqual([1]);
  await expect(other.query("select id from t")).rejects.toThrow(/no such table/);
});

/** A file as others leave it: without a log, and somebody writes to it until `end`. */
function written(): { file: string; end(): void } {
  const file = newFile();
  const other = new DatabaseSync(file);
  onTestFinished(() => other.close());
  other.exec("create table others (a); begin immediate; insert into others values (1)");
  return { file, end: () => other.exec("commit") };
}

test("a file without a log that somebody else is writing to is opened when that is over, and once", async () => {
  const { file, end } = written();
  const store = sqlite({ file, busyTimeoutMs: 20_000 });
  onTestFinished(() => store.close());
  const all = [store.open(), store.query("select a from others"), store.open()];
  end();
  expect((await Promise.all(all))[1]).toMatchObject({ rows: [{ a: 1 }] });
  expect((await store.query("pragma journal_mode")).rows).toEqual([{ journal_mode: "wal" }]);
});

test("a file that somebody else goes on writing to is not opened, and is when it is tried again later", async () => {
  const { file, end } = written();
  const store = sqlite({ file, busyTimeoutMs: 20 });
  onTestFinished(() => store.close());
  await expect(store.open()).rejects.toThrow(
    `The SQLite database ${file} cannot be opened: Another process has been writing`,
  );
  end();
  expect((await store.query("select a from others")).rows).toEqual([{ a: 1 }]);
});

test("a store that is closed while it waits to be opened leaves nothing open", async () => {
  const { file, end } = written();
  const store = sqlite({ file, busyTimeoutMs: 20_000 });
  const opening = store.open();
  const closing = store.close();
  end();
  await Promise.all([opening, closing]);
  await expect(store.open()).rejects.toThrow("is closed");
  expect(existsSync(`${file}-wal`)).toBe(false);
});

test("a file that is no database is named", async () => {
  const file = newFile();
  writeFileSync(file, "something else ".repeat(1_000));
  await expect(sqlite({ file }).open()).rejects.toThrow(`The SQLite database ${file} cannot be opened`);
});

test.each(["", " ", ":memory:"])(
  "a file that is no path is refused before anything is opened: %j",
  (file) => {
    expect(() => sqlite({ file })).toThrow(TypeError);
    expect(() => sqlite({ file })).toThrow("leave it out for a database in memory");
  },
);
