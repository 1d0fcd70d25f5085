import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import pg from "pg";
import { beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { type Clock, silent, systemClock } from "warren";
import { rabbitmq } from "warren/rabbitmq";
import { compose } from "warren-example-host";
import { emptyBroker, freshDatabase } from "../../host/test/servers.ts";
import { ways } from "../src/as.ts";
import { failing, friendlyPartners } from "../src/partner.ts";
import { placeOf } from "../src/place.ts";
import { ordersSystem } from "../src/system.ts";
import { partNames } from "./parts.ts";
import { manyOrders } from "./scenarios.ts";
import { balance } from "./survival/balance.ts";
import { survive } from "./survival/survive.ts";
import { installation, order, settled } from "./system.ts";

// One file, since queues are named after services: two systems on one broker at the same time would be one system.
let amqpUrl = "";
let databaseUrl = "";
beforeEach(async () => {
  amqpUrl = await emptyBroker(partNames);
  databaseUrl = await freshDatabase();
});
const connection = () => rabbitmq({ urls: [amqpUrl] });

describe.each(ways)("as %s, on RabbitMQ, with databases of two kinds", (as) => {
  manyOrders({ as, broker: () => connection, databaseUrl: () => databaseUrl });
});

test("each service has a database of its own: two a schema in PostgreSQL, the others a file", async () => {
  await using system = installation({ as: "choreography", transport: connection, databaseUrl });
  const { url } = await system.run();
  await settled(url, await order(url, { sku: "desk" }));
  const client = new pg.Client(databaseUrl);
  await client.connect();
  const { rows } = await client.query(
    `select table_schema as schema, table_name as name from information_schema.tables
      where table_schema in ('orders', 'inventory', 'public') and table_name not like 'warren%' order by 1, 2`,
  );
  await client.end();
  expect(rows).toEqual([
    { schema: "inventory", name: "lines" },
    { schema: "inventory", name: "shelves" },
    { schema: "orders", name: "orders" },
  ]);
  expect(tablesOf(join(system.dataDir, "stock.db"))).toEqual(["deliveries", "depot"]);
  expect(tablesOf(join(system.dataDir, "shipping.db"))).toEqual(["shipments"]);
  expect(() => tablesOf(join(system.dataDir, "orders.db"))).toThrow("unable to open");
});

/** What killed processes had in hand is left to others when their leases are over. Nobody has to wait for that here. */
const later: Clock = { ...systemClock, now: () => systemClock.now() + 120_000 };

// The long run of it is test/survival/main.ts: 10,000 orders, whose processes come back by themselves at the end too.
test.each([
  ["choreography", 300],
  ["saga", 100],
] as const)(
  "as %s, with processes that die, steps that fail and events that come twice, every order ends once and the books balance",
  { timeout: 180_000 },
  async (as, orders) => {
    const dataDir = mkdtempSync(join(tmpdir(), "orders-survival-"));
    onTestFinished(() => rmSync(dataDir, { recursive: true }));
    const options = { as, amqpUrl, databaseUrl, dataDir, failures: { share: 0.05, seed: "7" } };
    const load = { orders, atOnce: 10, duplicateShare: 0.2, killEveryMs: 500, seed: 7 };
    const { ids, kills, duplicated, complaints } = await survive({ ...options, ...load });
    expect(complaints).toEqual([]);
    expect(ids).toHaveLength(orders);
    // A saga calls; what is announced, and comes twice, is little.
    expect(duplicated).toBeGreaterThan(as === "saga" ? 0 : 100);
    expect(Object.values(kills).reduce((sum, each) => sum + each)).toBeGreaterThan(0);

    const partners = failing(friendlyPartners(), options.failures);
    const { start, stop } = await compose({
      systems: [ordersSystem({ as, place: placeOf(options), partners })],
      names: partNames,
      transport: rabbitmq({ urls: [amqpUrl] }),
      log: silent,
      clock: later,
    });
    await start();
    await expect
      .poll(() => balance(placeOf(options), ids), { timeout: 90_000, interval: 500 })
      .toMatchObject({ orders, problems: [] });
    await stop();
  },
);

function tablesOf(file: string): unknown[] {
  const database = new DatabaseSync(file, { readOnly: true });
  const rows = database
    .prepare("select name from sqlite_schema where type = 'table' and name not like 'warren%' order by 1")
    .all();
  database.close();
  return rows.map(({ name }) => name).filter((name) => !String(name).startsWith("sqlite_"));
}
