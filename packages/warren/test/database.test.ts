import { execFile, spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pg from "pg";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { databaseDown, databaseStatus, databaseUp } from "../src/database/index.ts";
import { identify } from "../src/machine/process.ts";
import { postgres } from "../src/postgres/index.ts";
import { inTransaction } from "../src/store.ts";

// Each of these starts servers, beside all other tests.
vi.setConfig({ testTimeout: 90_000 });

const main = join(import.meta.dirname, "../src/cli/main.ts");

interface Finished {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

function warren(...args: string[]): Promise<Finished> {
  return new Promise((resolve) => {
    execFile(process.execPath, [main, ...args], (error, stdout, stderr) => {
      const code = typeof error?.code === "number" ? error.code : error === null ? 0 : -1;
      resolve({ code, stdout, stderr });
    });
  });
}

function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "warren database "));
  onTestFinished(async () => {
    await databaseDown(folder, { discard: true });
    rmSync(folder, { recursive: true, force: true });
  });
  return folder;
}

function urlIn({ stdout }: Finished): string {
  return /^export DATABASE_URL=(postgres:\S+)$/m.exec(stdout)?.[1] ?? `no URL in: ${stdout}`;
}

async function pidOf(folder: string): Promise<number> {
  const status = await databaseStatus(folder);
  if (status.state === "stopped") throw new Error("It does not run.");
  return status.pid;
}

async function rowsOf(url: string, text: string): Promise<unknown[]> {
  const client = new pg.Client(url);
  await client.connect();
  try {
    return (await client.query(text)).rows;
  } finally {
    await client.end();
  }
}

describe("warren database", () => {
  test("starts one, leaves a running one as it is, keeps its data over a stop, and stops it", async () => {
    const folder = newFolder();
    const at = ["--data", folder];
    expect(await warren("database", "status", ...at)).toMatchObject({
      code: 1,
      stdout: expect.stringContaining("not running"),
    });
    expect(await warren("database", "down", ...at)).toMatchObject({
      code: 0,
      stdout: expect.stringContaining("No database was running"),
    });

    const first = await warren("database", "up", ...at);
    expect(first).toMatchObject({ code: 0, stderr: expect.stringContaining("is up") });
    const data = /^ {2}data +(.+)$/m.exec((await warren("database", "status", ...at)).stdout)?.[1];
    expect(first.stderr).toContain(`, data in ${data}).`);
    await rowsOf(urlIn(first), "create table kept as select 'still here' as word");
    const pid = await pidOf(folder);
    const again = await warren("database", "up", "--quiet", ...at);
    expect(again).toEqual({ code: 0, stdout: first.stdout, stderr: "" });
    const status = await warren("database", "status", ...at);
    expect(status.code).toBe(0);
    for (const part of [urlIn(first), `pid ${pid}`, "PostgreSQL"]) expect(status.stdout).toContain(part);

    expect(await warren("database", "down", ...at)).toMatchObject({
      code: 0,
      stdout: expect.stringContaining("is stopped"),
    });
    expect(identify(pid)).toBeUndefined();
    const second = await warren("database", "up", ...at);
    expect(await rowsOf(urlIn(second), "select word from kept")).toEqual([{ word: "still here" }]);
    expect(await warren("database", "down", "--discard", ...at)).toMatchObject({
      code: 0,
      stdout: expect.stringContaining("its data is deleted"),
    });
    expect(existsSync(folder)).toBe(false);
  });

  test("two are started at the same moment, nobody gets in without the password, and what is committed outlives a kill", async () => {
    const folders = [newFolder(), newFolder()];
    const [one, two] = await Promise.all(folders.map((dataDir) => databaseUp({ dataDir })));
    expect(one!.port).not.toBe(two!.port);
    const stranger = new URL(one!.url);
    stranger.password = "guessed";
    await expect(rowsOf(stranger.href, "select 1")).rejects.toThrow(/password/);

    const store = postgres({ url: one!.url });
    onTestFinished(() => store.close());
    await store.query("create table t (id bigint)");
    await inTransaction(store, (sql) => sql.query("insert into t values (1)"));
    const lost = await store.begin();
    await lost.query("insert into t values (2)");
    process.kill(one!.pid, "SIGKILL");
    await vi.waitFor(() => expect(identify(one!.pid)).toBeUndefined());
    await expect(lost.commit()).rejects.toThrow();
    await expect(store.query("select 1")).rejects.toThrow(/postgres at 127.0.0.1/);

    const again = await databaseUp({ dataDir: folders[0]!, port: one!.port });
    expect(again).toMatchObject({ started: true, url: one!.url });
    expect((await store.query("select id from t")).rows).toEqual([{ id: 1 }]);
    expect(await databaseStatus(folders[1]!)).toMatchObject({ state: "running", pid: two!.pid });
  });

  test("a port that is taken is named, and nothing is left running", async () => {
    const [folder, other] = [newFolder(), newFolder()];
    const { port } = await databaseUp({ dataDir: folder });
    await expect(databaseUp({ dataDir: other, port })).rejects.toThrow(`Port ${port} on 127.0.0.1 is in use`);
    expect((await databaseStatus(other)).state).toBe("stopped");
  });
});

test("the private database of a test run ends with the run, also when that is killed", async () => {
  const folder = newFolder();
  const { pid } = await databaseUp({ dataDir: folder });
  const program = `
    const { discardAtEnd } = await import(${JSON.stringify(join(import.meta.dirname, "../../../test/private-server.ts"))});
    discardAtEnd("database", ${JSON.stringify(folder)});
    console.log("guarded");
    setInterval(() => {}, 1000);`;
  const run = spawn(process.execPath, ["--input-type=module", "-e", program], {
    stdio: ["ignore", "pipe", 2],
  });
  await new Promise((resolve) => run.stdout!.once("data", resolve));
  run.kill("SIGKILL");
  await vi.waitFor(() => expect(identify(pid)).toBeUndefined(), { timeout: 60_000 });
  await vi.waitFor(() => expect(existsSync(folder)).toBe(false), { timeout: 60_000 });
});
