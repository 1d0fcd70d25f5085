import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pg from "pg";
import { beforeEach, describe, expect, onTestFinished, test, vi } from "vitest";
import { delay, systemClock } from "warren";
import { rabbitmq } from "warren/rabbitmq";
import type { Asked } from "../../host/test/http.ts";
import { type Program, program } from "../../host/test/program.ts";
import { emptyBroker, freshDatabase } from "../../host/test/servers.ts";
import type { Movie } from "../src/movie.ts";
import { moviesScenarios } from "./scenarios.ts";
import { http, list, playtime } from "./system.ts";

vi.setConfig({ testTimeout: 60_000 });

// One file, since queues are named after services: two systems on one broker at the same time would be one system.
let amqpUrl = "";
let databaseUrl = "";
beforeEach(async () => {
  amqpUrl = await emptyBroker(["pilot", "db"]);
  databaseUrl = await freshDatabase();
});

describe("on RabbitMQ and PostgreSQL", () => {
  moviesScenarios({
    broker: () => () => rabbitmq({ urls: [amqpUrl] }),
    databaseUrl: () => databaseUrl,
  });
});

/** A process for each worker, told of broker and databases by its environment and by nothing else. */
function processes(more: Readonly<Record<string, string>> = {}) {
  const dataDir = mkdtempSync(join(tmpdir(), "movies-processes-"));
  onTestFinished(() => rmSync(dataDir, { recursive: true }));
  const env = { DATA_DIR: dataDir, PORT: "0", AMQP_URL: amqpUrl, ...more };
  return (part: string, own: Readonly<Record<string, string>> = {}): Program =>
    program("movies/src/main.ts", ["--only", part], { ...env, ...own });
}

describe("a process for each worker", () => {
  test("without the db a client has a 503 at once, and with it again its answer; SIGTERM ends each with 0", async () => {
    const start = processes();
    await using gateway = start("gateway");
    await using pilot = start("pilot");
    await using db = start("db");
    const [url] = await Promise.all([gateway.ready(), pilot.ready(), db.ready()]);
    expect(gateway.said.stdout).toContain(`RabbitMQ at ${new URL(amqpUrl).host}`);
    const { status, body } = await http("POST", `${url}/movies/`, { json: playtime });
    expect(status).toBe(201);
    db.signal("SIGKILL");
    await db.ended;
    await vi.waitFor(async () => expect((await http("GET", `${url}/movies/`)).status).toBe(503));
    const began = performance.now();
    expect((await http("POST", `${url}/movies/`, { json: playtime })).status).toBe(503);
    expect(performance.now() - began).toBeLessThan(2_000);
    await using again = start("db");
    await again.ready();
    expect(await list(url)).toEqual({ movies: [body], next: null });
    for (const one of [gateway, pilot, again]) one.signal("SIGTERM");
    expect(await Promise.all([gateway.ended, pilot.ended, again.ended])).toEqual([0, 0, 0]);
  });

  test.each(["db", "pilot"])(
    "a %s that is killed in the middle of a job neither loses nor doubles it",
    async (victim) => {
      const start = processes({ DATABASE_URL: databaseUrl });
      await using gateway = start("gateway");
      await using pilot = start("pilot");
      await using db = start("db");
      const [url] = await Promise.all([gateway.ready(), pilot.ready(), db.ready()]);
      await using movies = await lockedMovies();
      // With a key the client may ask for it again, and so may the gateway.
      const headers = { "idempotency-key": '"once"' };
      const answer = stored(`${url}/movies/`, { json: playtime, headers });
      await movies.somebodyWaits();
      const dying = victim === "db" ? db : pilot;
      dying.signal("SIGKILL");
      await dying.ended;
      await using successor = start(victim);
      // A db process makes its tables when it starts, and waits for the lock as well.
      if (victim === "pilot") await successor.ready();
      await movies.release();
      await successor.ready();
      const body = await answer;
      expect(await list(url)).toEqual({ movies: [body], next: null });
      const repeated = await http("POST", `${url}/movies/`, { json: playtime, headers });
      expect(repeated).toMatchObject({ status: 201, body: { id: body.id } });
    },
  );

  test("with a db that is killed again and again, every movie is there once that a client was told of", async () => {
    const start = processes();
    await using gateway = start("gateway");
    await using pilot = start("pilot");
    let db = start("db");
    const [url] = await Promise.all([gateway.ready(), pilot.ready(), db.ready()]);
    let isOver = false;
    const killing = (async () => {
      for (let kills = 0; !isOver || kills < 2; kills++) {
        await db.ready();
        await vi.waitFor(async () => expect((await http("GET", `${url}/movies/`)).status).toBe(200));
        db.signal("SIGKILL");
        await db.ended;
        db = start("db");
      }
      await db.ready();
    })();
    const ids = await Promise.all(
      Array.from({ length: 60 }, async (_, i): Promise<string> => {
        const headers = { "idempotency-key": `"movie-${i}"` };
        const asked = { json: { ...playtime, title: `No. ${i}` }, headers };
        return (await stored(`${url}/movies/`, asked)).id;
      }),
    );
    isOver = true;
    await killing;
    await using _last = db;
    const { movies, next } = await list(url, "?limit=100");
    expect(next).toBeNull();
    expect(new Set(ids).size).toBe(60);
    expect(new Set(movies.map(({ id }) => id))).toEqual(new Set(ids));
    expect(movies).toHaveLength(60);
  });
});

test("each process says on a port of its own whether it is ready, and the gateway on its own", async () => {
  const start = processes();
  const port = await freePort();
  await using gateway = start("gateway");
  await using db = start("db", { HEALTH_PORT: String(port) });
  const [url] = await Promise.all([gateway.ready(), db.ready()]);
  for (const probed of [url, `http://127.0.0.1:${port}`])
    for (const path of ["/health/live", "/health/ready"])
      expect(await http("GET", probed + path)).toMatchObject({ status: 200, body: { status: "ok" } });
});

test("what each process measures is at a port of its own, which the environment names, and knows of all instances", async () => {
  const start = processes();
  const [own, others] = [await freePort(), await freePort()];
  await using gateway = start("gateway", { METRICS_PORT: String(own) });
  await using parts = start("pilot,db", { METRICS_PORT: String(others) });
  const [url] = await Promise.all([gateway.ready(), parts.ready()]);
  expect(await http("GET", `${url}/movies/`)).toMatchObject({ status: 200 });
  const metrics = async (port: number) => (await http("GET", `http://127.0.0.1:${port}/metrics`)).body;
  await vi.waitFor(async () => {
    const seen = await metrics(own);
    expect(seen).toMatch(/^microservices_workers_total\{type="db"\} 1$/m);
    expect(seen).toMatch(/^http_server_request_duration_seconds_count\{.*http_route="\/movies".*\} 1$/m);
  });
  expect(await metrics(others)).toMatch(
    /^microservices_job_processing_seconds_count\{service="worker-pilot".*\} 1$/m,
  );
});

/** Asks under one key until the movie is stored, as a client does who has to have it stored. */
async function stored(url: string, asked: Asked): Promise<Movie> {
  for (;;) {
    const { status, body } = await http("POST", url, asked);
    if (status === 201) return body;
    expect([409, 502, 503, 504]).toContain(status);
    // A client that asks without a pause takes from the others what they need to get up again.
    await delay(systemClock, 50);
  }
}

/** Holds the table of movies, so that a job which wants to write there is in its middle. */
async function lockedMovies() {
  const client = new pg.Client(databaseUrl);
  await client.connect();
  await client.query("begin");
  await client.query("lock table movies.movies in exclusive mode");
  const watcher = new pg.Client(databaseUrl);
  await watcher.connect();
  let isHeld = true;
  const release = async (): Promise<void> => {
    if (isHeld) await client.query("rollback");
    isHeld = false;
  };
  return {
    async somebodyWaits(): Promise<void> {
      await vi.waitFor(async () => {
        const { rows } = await watcher.query(
          "select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'",
        );
        expect(rows.length).toBeGreaterThan(0);
      });
    },
    release,
    async [Symbol.asyncDispose]() {
      await release();
      await Promise.all([client.end(), watcher.end()]);
    },
  };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  return port;
}
