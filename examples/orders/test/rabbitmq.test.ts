import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import pg from "pg";
import { beforeEach, describe, expect, test } from "vitest";
import { rabbitmq } from "warren/rabbitmq";
import { ways } from "../src/as.ts";
import { manyOrders } from "./scenarios.ts";
import { emptyBroker, freshDatabase } from "./servers.ts";
import { installation, order, settled } from "./system.ts";

// One file, since queues are named after services: two systems on one broker at the same time would be one system.
let amqpUrl = "";
let databaseUrl = "";
beforeEach(async () => {
  amqpUrl = await emptyBroker();
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

function tablesOf(file: string): unknown[] {
  const database = new DatabaseSync(file, { readOnly: true });
  const rows = database
    .prepare("select name from sqlite_schema where type = 'table' and name not like 'warren%' order by 1")
    .all();
  database.close();
  return rows.map(({ name }) => name).filter((name) => !String(name).startsWith("sqlite_"));
}
