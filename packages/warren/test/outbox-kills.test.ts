import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { amqpUrl } from "../../../test/amqp-url.ts";
import { folder, killedAtEveryBoundary } from "./kill-world.ts";
import { type FreshDatabase, freshSqlite, stores } from "./stores.ts";

async function effectsIn(database: FreshDatabase): Promise<string[]> {
  const { rows } = await database
    .open()
    .query<{ service: string; n: number }>("select service, n from effects");
  return rows.map(({ service, n }) => `${service} ${n}`).sort();
}

/** With SQLite goes the embedded broker, with PostgreSQL RabbitMQ: two worlds, each as it is used. */
const brokers = {
  sqlite: () => ({ KILL_BROKER: join(folder(), "broker") }),
  postgres: () => ({ KILL_AMQP: amqpUrl(), KILL_NAME: `k-${randomBytes(4).toString("hex")}` }),
};

const effects = {
  sqlite: ["books 1", "books 2", "stock 1", "stock 2"],
  // One is enough where each process takes longer.
  postgres: ["books 1", "stock 1"],
};

describe.each(stores)("on $name", ({ name, fresh }) => {
  it("loses no event and has each effect once, at whatever boundary the process is killed", {
    timeout: 900_000,
  }, async () => {
    const databases = new Map<string, FreshDatabase>();
    await killedAtEveryBoundary(
      {
        program: "kept-moving.ts",
        async fresh() {
          const place = await fresh();
          databases.set(place.location, place);
          return { place, env: brokers[name]() };
        },
        async check({ location }) {
          expect(await effectsIn(databases.get(location)!)).toEqual(effects[name]);
        },
      },
      // What goes on at the same time comes in another order in each run, so not both sides of each are hit in each.
      [
        "before commit",
        "after commit",
        "insert into warren_outbox",
        "the publish of",
        "delete from warren_outbox",
      ],
    );
  });
});

it("makes a call that was to be made later once, at whatever boundary the process is killed", {
  timeout: 900_000,
}, async () => {
  const databases = new Map<string, FreshDatabase>();
  await killedAtEveryBoundary(
    {
      program: "kept-calling.ts",
      async fresh() {
        const place = await freshSqlite();
        databases.set(place.location, place);
        return { place, env: brokers.sqlite() };
      },
      async check({ location }) {
        expect(await effectsIn(databases.get(location)!)).toEqual(["shop 1", "stock 1"]);
      },
    },
    ["after delete from warren_outbox"],
  );
});
