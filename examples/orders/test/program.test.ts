import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { program as anyProgram, type Program } from "../../host/test/program.ts";
import { freshDatabase } from "../../host/test/servers.ts";
import { ways } from "../src/as.ts";
import { get, http, order, settled } from "./system.ts";

const folder = mkdtempSync(join(tmpdir(), "orders-program-"));
afterAll(() => rmSync(folder, { recursive: true }));
const env = { DATA_DIR: folder, PORT: "0" };
const program = (args: string[], settings: Record<string, string>): Program =>
  anyProgram("orders/src/main.ts", args, settings);

describe.each(ways)("npm start -w examples/orders -- --as %s", (as) => {
  test("serves, prints commands that work, and ends with code 0 on SIGTERM", {
    timeout: 60_000,
  }, async () => {
    await using started = program(["--as", as], env);
    const url = await started.ready();
    await expect.poll(() => started.said.stdout).toContain("# What happened is kept");
    const bodies = [...started.said.stdout.matchAll(/curl \S+\/order .* -d '(.*)'/g)].map(
      ([, body]) => body!,
    );
    expect(bodies).toHaveLength(5);
    const answers = await Promise.all(bodies.map((json) => http("POST", `${url}/order`, { json })));
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 400]);
    const ends = await Promise.all(answers.slice(0, 4).map(({ body }) => settled(url, body.data.id)));
    expect(ends.map(({ progress }) => progress)).toEqual(["shipped", "shipped", "cancelled", "cancelled"]);
    started.signal("SIGTERM");
    expect(await started.ended).toBe(0);
    // A saga that failed is a warning; errors there are none.
    expect(started.said.stderr).not.toMatch(/"level":[56]0/);
  });

  test("killed in the middle of orders, it brings each to its end when it is started again", {
    timeout: 120_000,
  }, async () => {
    const killed = { ...env, DATA_DIR: join(folder, `killed-${as}`) };
    const ids: string[] = [];
    {
      await using started = program(["--as", as], killed);
      const url = await started.ready();
      const orders = Array.from({ length: 30 }, async (_, i) => {
        ids.push(await order(url, { sku: i % 3 === 0 ? "desk" : i % 3 === 1 ? "piano" : "lamp" }));
        if (ids.length === 20) started.signal("SIGKILL");
      });
      await Promise.allSettled(orders);
      await started.ended;
    }
    expect(ids.length).toBeGreaterThanOrEqual(20);
    await using again = program(["--as", as], killed);
    const url = await again.ready();
    // What was in its hands is taken up when its leases are over.
    for (const id of ids)
      await expect
        .poll(() => get(url, `/order/${id}`), { timeout: 60_000, interval: 200 })
        .toMatchObject({ data: { status: "closed" } });
    await expect.poll(() => get(url, "/inventory/piano")).toMatchObject({ onHand: 10, reserved: 0 });
    again.signal("SIGTERM");
    expect(await again.ended).toBe(0);
  });
});

test("runs on SQLite and on PostgreSQL side by side, each with data of its own; a second of one kind is told what to set", {
  timeout: 60_000,
}, async () => {
  const both = { ...env, DATA_DIR: join(folder, "both") };
  await using files = program([], both);
  await using server = program([], { ...both, DATABASE_URL: await freshDatabase() });
  const [onFiles, onServer] = await Promise.all([files.ready(), server.ready()]);
  await settled(onServer, await order(onServer, { sku: "desk" }));
  const left = async (url: string) => (await get(url, "/stock/desk")).left;
  expect(await left(onServer)).toBeLessThan(await left(onFiles));
  await using second = program([], both);
  expect(await second.ended).toBe(1);
  expect(second.said.stderr).toMatch(/in use by another process.*\(DATA_DIR\)/);
});

test.each([
  ["another way", ["--as", "luck"], {}, "An order can go as choreography or as saga."],
  ["an unknown part", ["--only", "stocks"], { AMQP_URL: "amqp://127.0.0.1" }, "There are: orders, inventory"],
  ["a part alone without a broker", ["--only", "stock"], {}, "--only needs AMQP_URL"],
  ["an address of something else", [], { DATABASE_URL: "mysql://u:secret@host/db" }, "DATABASE_URL is not"],
  ["a share beyond all", [], { FAIL_SHARE: "5%" }, 'FAIL_SHARE is "5%"'],
  ["a port that is none", [], { PORT: "http" }, 'PORT is "http"'],
])("%s is refused in words, without a secret in them", async (_, args, more, words) => {
  await using started = program(args, { ...env, ...more });
  expect(await started.ended).toBe(2);
  expect(started.said.stderr).toContain(words);
  expect(started.said.stderr).not.toContain("secret");
});

test("says in one line that its data folder cannot be one", async () => {
  const file = join(folder, "file");
  writeFileSync(file, "");
  await using started = program([], { ...env, DATA_DIR: file });
  expect(await started.ended).toBe(1);
  expect(started.said.stderr).toMatch(/^The orders could not start: .*file.*\n$/);
});

test("says what it takes with --help", async () => {
  await using started = program(["--help"], env);
  expect(await started.ended).toBe(0);
  expect(started.said.stdout).toContain("DATABASE_URL");
});
