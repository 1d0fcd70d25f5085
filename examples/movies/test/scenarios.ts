import { expect, test } from "vitest";
import type { Transport } from "warren";
import { add, http, installation, list, playtime } from "./system.ts";

export interface ScenarioOptions {
  /** Gives a maker of connections to one broker, for one test. */
  readonly broker: () => () => Transport;
  readonly databaseUrl?: () => string;
}

/** What has to hold on any broker and any database. */
export function moviesScenarios({ broker, databaseUrl }: ScenarioOptions): void {
  const system = (failShare = 0) =>
    installation({ transport: broker(), databaseUrl: databaseUrl?.(), failShare });

  test("a movie that is posted is kept, listed, and found where its answer says", async () => {
    await using movies = system();
    const { url } = await movies.run();
    expect(await list(url)).toEqual({ movies: [], next: null });
    const { status, headers, body } = await http("POST", `${url}/movies/`, { json: playtime });
    expect({ status, body }).toEqual({
      status: 201,
      body: { id: expect.any(String), ...playtime, createdAt: expect.any(String) },
    });
    expect(headers.get("location")).toBe(`/movies/${body.id}`);
    expect(Math.abs(Date.parse(body.createdAt) - Date.now())).toBeLessThan(60_000);
    expect(await http("GET", `${url}/movies/${body.id}`)).toMatchObject({ status: 200, body });
    const listed = await http("GET", `${url}/movies/`);
    expect(listed).toMatchObject({ status: 200, body: { movies: [body], next: null } });
    expect(listed.headers.get("server-timing")).toMatch(/^job;dur=\d+(\.\d)?$/);
  });

  test("movies are listed page by page, the newest first, each once", async () => {
    await using movies = system();
    const { url } = await movies.run();
    const added: string[] = [];
    for (let i = 0; i < 5; i++) added.push((await add(url, { title: `No. ${i}` })).id);
    const found: string[][] = [];
    let query = "?limit=2";
    for (;;) {
      const page = await list(url, query);
      found.push(page.movies.map(({ id }) => id));
      if (page.next === null) break;
      query = `?limit=2&before=${page.next}`;
    }
    expect(found.map(({ length }) => length)).toEqual([2, 2, 1]);
    // Those of the same millisecond are in any order.
    expect(new Set(found.flat())).toEqual(new Set(added));
    const times = (await list(url)).movies.map(({ createdAt }) => createdAt);
    expect(times).toEqual(times.toSorted().toReversed());
  });

  test("a request that is repeated with its key is one movie, and the same answer", async () => {
    await using movies = system();
    const { url } = await movies.run();
    await movies.run(["pilot", "db"]);
    const headers = { "idempotency-key": `"${crypto.randomUUID()}"` };
    const ask = (title: string) => http("POST", `${url}/movies`, { json: { ...playtime, title }, headers });
    const answers = await Promise.all(Array.from({ length: 5 }, () => ask("Playtime")));
    expect(answers.map(({ status }) => status)).toEqual([201, 201, 201, 201, 201]);
    expect(new Set(answers.map(({ body }) => body.id)).size).toBe(1);
    expect(await ask("Trafic")).toMatchObject({ status: 422, body: { code: "KEY_REUSED" } });
    expect((await list(url)).movies).toHaveLength(1);
  });

  test("where the db service fails, a client is told so with 500, and nothing of why", async () => {
    await using movies = system(1);
    const { url } = await movies.run();
    const asked = [
      await http("GET", `${url}/movies/`),
      await http("GET", `${url}/movies/${crypto.randomUUID()}`),
      await http("POST", `${url}/movies/`, { json: playtime }),
    ];
    for (const { status, headers, body } of asked) {
      expect(status).toBe(500);
      expect(headers.get("content-type")).toContain("application/problem+json");
      expect(body).toMatchObject({ status: 500, code: "INTERNAL", errorId: expect.any(String) });
      expect(JSON.stringify(body)).not.toMatch(/disk|FAIL_SHARE/);
    }
  });

  test.each([
    ["db", ["gateway", "pilot"]],
    ["pilot", ["gateway", "db"]],
  ] as const)("without the %s a client has a 503 at once, and no job waits for one", async (away, others) => {
    await using movies = system();
    const { url } = await movies.run([...others]);
    const refused = async (): Promise<void> => {
      for (const method of ["GET", "POST"]) {
        const began = performance.now();
        const { status, headers, body } = await http(method, `${url}/movies/`, {
          ...(method === "POST" && { json: playtime }),
        });
        expect({ status, code: body.code }).toEqual({ status: 503, code: "UNAVAILABLE" });
        expect(headers.get("retry-after")).toMatch(/^\d+$/);
        // Milliseconds; a machine with much to do may take its time, and a job that waits takes ten seconds.
        expect(performance.now() - began).toBeLessThan(2_000);
      }
    };
    // Both where it has never been, and where it has been and is gone.
    await refused();
    const one = await movies.run([away]);
    await add(url);
    await one.stop();
    await refused();
    await movies.run([away]);
    expect((await list(url)).movies).toHaveLength(1);
  });
}
