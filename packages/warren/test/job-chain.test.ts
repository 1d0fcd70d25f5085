import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { expect, it, onTestFinished, vi } from "vitest";
import { amqpUrl } from "../../../test/amqp-url.ts";
import { app, silent } from "../src/index.ts";
import { jobChain, stations } from "./job-chain.ts";
import { folder, runKilled } from "./kill-world.ts";
import { transport } from "./rabbit.ts";
import { type FreshDatabase, freshPostgres, freshSqlite } from "./stores.ts";

vi.setConfig({ testTimeout: 120_000 });

const jobs = 20;
const all = stations.flatMap((station) => Array.from({ length: jobs }, (_, n) => `${station} ${n}`)).sort();

async function doneIn(database: FreshDatabase): Promise<string[]> {
  const { rows } = await database.open().query<{ station: string; n: number }>("select station, n from done");
  return rows.map(({ station, n }) => `${station} ${n}`).sort();
}

it("jobs that are handed along are done once at each station, on RabbitMQ, when an instance is killed in the middle of one", async () => {
  const database = await freshPostgres();
  const suffix = randomBytes(4).toString("hex");
  const store = database.open();
  await store.open();
  await store.query("create table if not exists done (station text not null, n bigint not null)");
  const { contracts, worker } = jobChain(suffix);
  const survivor = app({
    transport: transport(),
    services: stations.map((station) => worker(station, store)),
    log: silent,
  });
  onTestFinished(() => survivor.stop({ drainMs: 0 }));
  await survivor.start();
  const env = { KILL_AMQP: amqpUrl(), KILL_NAME: suffix, STATIONS: "paint" };
  // By the first job that comes to it, or the second.
  const dying = Promise.all(
    [1, 2].map((n) => runKilled("handing-on.ts", database, { env: { ...env, KILL_NTH: String(n) } })),
  );
  const cut = survivor.client(contracts.cut);
  const listed = await survivor.directory();
  await vi.waitFor(() => expect(listed.instances({ service: contracts.paint.name })).toHaveLength(3));
  await Promise.all(
    Array.from({ length: jobs }, (_, n) => cut.work({ n, next: ["paint", "ship"] }, { key: `job-${n}` })),
  );
  const ends = await dying;
  for (const { killedAt } of ends) expect(killedAt).toMatch(/^at paint/);
  // What the dead had sent and nobody had answered yet is sent by others when the lease of the dead is over.
  await vi.waitFor(async () => expect(await doneIn(database)).toEqual(all), 60_000);
});

it("the same on the embedded broker, when all of it is killed and starts again", async () => {
  const database = await freshSqlite();
  const env = {
    KILL_BROKER: join(folder(), "broker"),
    KILL_NAME: "kept",
    STATIONS: stations.join(),
    JOBS: String(jobs),
  };
  const { killedAt } = await runKilled("handing-on.ts", database, { env: { ...env, KILL_JOB: "paint 7" } });
  expect(killedAt).toBe("at paint 7");
  await runKilled("handing-on.ts", database, { env: { ...env, KILL_LATER_MS: "120000" } });
  expect(await doneIn(database)).toEqual(all);
});
