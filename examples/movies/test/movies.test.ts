import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { describe, expect, test, vi } from "vitest";
import { type Clock, systemClock } from "warren";
import { embedded, embeddedBroker } from "warren/embedded";
import { moviesScenarios } from "./scenarios.ts";
import { add, http, installation, list, playtime } from "./system.ts";

describe("on the embedded broker", () => {
  moviesScenarios({
    broker: () => {
      const broker = embeddedBroker();
      return () => embedded({ broker });
    },
  });
});

describe("bad input", () => {
  const json = (given: unknown) => ({ json: given });
  test.each([
    ["invalid JSON", "POST", "/movies/", json('{"title":'), 400],
    ["a __proto__ key", "POST", "/movies/", json('{"__proto__":{"title":"x"}}'), 400],
    ["an array", "POST", "/movies/", json([playtime]), 422],
    ["a number as title", "POST", "/movies/", json({ title: 7 }), 422],
    ["no title", "POST", "/movies/", json({ description: "x" }), 422],
    ["an empty title", "POST", "/movies/", json({ title: "  " }), 422],
    ["a title without end", "POST", "/movies/", json({ title: "x".repeat(201) }), 422],
    ["a title with U+0000", "POST", "/movies/", json({ title: "a\0b" }), 422],
    ["half a character", "POST", "/movies/", json('{"title":"a\\ud800b"}'), 422],
    ["a body of two megabytes", "POST", "/movies/", json({ title: "x".repeat(2 ** 21) }), 413],
    ["another content type", "POST", "/movies/", { json: "<movie/>", type: "application/xml" }, 415],
    ["a page of a million movies", "GET", "/movies/?limit=1000000", {}, 422],
    ["a page before nothing", "GET", "/movies/?before=none", {}, 422],
    ["an id that is none", "GET", "/movies/first", {}, 404],
    ["a movie that is not there", "GET", "/movies/00000000-0000-4000-8000-000000000000", {}, 404],
    ["another path", "GET", "/films/", {}, 404],
    ["a path below", "GET", "/movies/a/b", {}, 404],
    ["another verb", "DELETE", "/movies/", {}, 405],
    ["another verb without the slash", "PUT", "/movies", {}, 405],
  ])(
    "%s is refused with a problem document, and the system goes on",
    async (_, verb, path, asked, status) => {
      await using movies = installation({ transport: () => embedded() });
      const { url } = await movies.run();
      const answer = await http(verb, url + path, asked);
      expect(answer.status).toBe(status);
      expect(answer.headers.get("content-type")).toContain("application/problem+json");
      expect(answer.body).toMatchObject({ status, title: expect.any(String), code: expect.any(String) });
      expect((await list(url)).movies).toEqual([]);
      await add(url);
    },
  );

  test("everything that is wrong is listed, field by field", async () => {
    await using movies = installation({ transport: () => embedded() });
    const { url } = await movies.run();
    const { body } = await http("POST", `${url}/movies/`, json({ title: "", description: 7 }));
    expect(body.issues.map(({ path }: { path: string }) => path)).toEqual(["title", "description"]);
  });
});

test("HEAD answers as GET does, without a body", async () => {
  await using movies = installation({ transport: () => embedded() });
  const { url } = await movies.run();
  const { status, headers, body } = await http("HEAD", `${url}/movies/`);
  expect({ status, body }).toEqual({ status: 200, body: undefined });
  expect(headers.get("content-type")).toContain("application/json");
});

test("with and without the slash behind it, it is the same address", async () => {
  await using movies = installation({ transport: () => embedded() });
  const { url } = await movies.run();
  const { body } = await http("POST", `${url}/movies`, { json: playtime });
  for (const path of ["/movies", "/movies/", `/movies/${body.id}`, `/movies/${body.id}/`])
    expect(JSON.stringify((await http("GET", url + path)).body)).toContain(body.id);
});

test("a database that breaks is a 500 without a word of it, and no movie is promised", async () => {
  await using movies = installation({ transport: () => embedded() });
  const { url } = await movies.run();
  const database = new DatabaseSync(join(movies.dataDir, "movies.db"));
  database.exec("drop table movies");
  database.close();
  for (const asked of [
    await http("GET", `${url}/movies/`),
    await http("POST", `${url}/movies/`, { json: playtime }),
  ]) {
    expect(asked.status).toBe(500);
    expect(JSON.stringify(asked.body)).not.toContain("no such table");
  }
});

test("jobs that fail leave nothing behind, and those that are done a row each, for a day", async () => {
  let aheadMs = 0;
  const clock: Clock = {
    ...systemClock,
    now: () => systemClock.now() + aheadMs,
    // What happens once a minute happens at once, after the day.
    after: (ms, run) => systemClock.after(aheadMs > 0 && ms >= 30_000 ? 20 : ms, run),
  };
  await using movies = installation({ transport: () => embedded(), failShare: 0.5, clock });
  const { url, stop } = await movies.run();
  const asked = Array.from({ length: 60 }, (_, i) =>
    http("POST", `${url}/movies/`, {
      json: playtime,
      ...(i % 2 === 0 && { headers: { "idempotency-key": `key-${i}` } }),
    }),
  );
  const answers = await Promise.all(asked);
  const stored = answers.filter(({ status }) => status === 201).length;
  expect(answers.filter(({ status }) => status === 500)).toHaveLength(60 - stored);
  expect(stored).toBeGreaterThan(0);
  expect(stored).toBeLessThan(60);
  const rows = (file: string, table: string): number => {
    const database = new DatabaseSync(join(movies.dataDir, file), { readOnly: true });
    const row = database.prepare(`select count(*) as n from ${table}`).get();
    database.close();
    return Number(row?.n);
  };
  expect(rows("movies.db", "movies")).toBe(stored);
  expect(rows("movies.db", "warren_answers")).toBe(stored);
  expect(rows("pilot.db", "warren_answers")).toBe(
    answers.filter(({ status }, i) => status === 201 && i % 2 === 0).length,
  );
  for (const file of ["pilot.db", "movies.db"])
    for (const table of ["warren_outbox", "warren_inbox"]) expect(rows(file, table)).toBe(0);

  await stop();
  aheadMs = 25 * 60 * 60 * 1_000;
  await movies.run(["pilot", "db"]);
  for (const file of ["pilot.db", "movies.db"])
    await vi.waitFor(() => expect(rows(file, "warren_answers")).toBe(0));
  expect(rows("movies.db", "movies")).toBe(stored);
});
