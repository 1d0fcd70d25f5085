import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { delay, systemClock } from "warren";
import { brokerDown, brokerUp } from "warren/broker";
import { databaseDown, databaseUp } from "../../../../packages/warren/src/database/index.ts";
import { ways } from "../../src/as.ts";
import { placeOf } from "../../src/place.ts";
import { type Balance, balance } from "./balance.ts";
import { survive } from "./survive.ts";

/** So long may it take until what killed processes had in hand has gone its way: longer than any lease. */
const settleMs = 180_000;

// Places orders with processes that are killed at random, and compares the books of all services at the end:
//   node examples/orders/test/survival/main.ts [--orders 10000] [--as saga] [--seed 1] [--kill-every 3000] [--sqlite]
// RabbitMQ and PostgreSQL are those of AMQP_URL and DATABASE_URL, else private ones; with --sqlite all services are on SQLite.
const { values } = parseArgs({
  options: {
    orders: { type: "string", default: "10000" },
    as: { type: "string", default: "choreography" },
    sqlite: { type: "boolean", default: false },
    seed: { type: "string", default: "1" },
    "kill-every": { type: "string", default: "3000" },
  },
});
const as = ways.find((way) => way === values.as);
if (as === undefined) throw new Error(`--as is one of ${ways.join(", ")}.`);
const dataDir = mkdtempSync(join(tmpdir(), "orders-survival-"));
const given = process.env.AMQP_URL;
const [brokerDir, databaseDir] = [join(dataDir, "broker"), join(dataDir, "postgres")];
const databaseUrl =
  process.env.DATABASE_URL ?? (values.sqlite ? undefined : (await databaseUp({ dataDir: databaseDir })).url);
const amqpUrl = given ?? (await brokerUp({ dataDir: brokerDir, port: 25_000 + (process.pid % 1_000) })).url;
const options = {
  as,
  amqpUrl,
  databaseUrl,
  dataDir,
  failures: { share: 0.05, seed: values.seed },
};
const began = performance.now();
let placedAt = 0;
let found: Balance | undefined;
let passed = false;
try {
  const { kills, duplicated, complaints } = await survive({
    ...options,
    orders: Number(values.orders),
    atOnce: 20,
    duplicateShare: 0.2,
    killEveryMs: Number(values["kill-every"]),
    seed: Number(values.seed),
    async settle(placed) {
      placedAt = performance.now();
      found = undefined;
      while (performance.now() - placedAt < settleMs) {
        await delay(systemClock, 1_000);
        found = await balance(placeOf(options), placed);
        if (found.problems.length === 0) return;
      }
    },
  });
  const seconds = (from: number, to: number): string => ((to - from) / 1_000).toFixed(0);
  process.stdout.write(
    `${JSON.stringify({ as, seed: values.seed, ...found, kills, duplicated, secondsPlacing: seconds(began, placedAt), secondsSettling: seconds(placedAt, performance.now()) }, null, 2)}\n${complaints.join("")}`,
  );
  passed = found?.problems.length === 0;
} finally {
  if (given === undefined) await brokerDown(brokerDir, { discard: true });
  if (passed && process.env.DATABASE_URL === undefined) await databaseDown(databaseDir, { discard: true });
  if (passed) rmSync(dataDir, { recursive: true });
  else process.stdout.write(`The databases are in ${dataDir}.\n`);
}
process.exitCode = passed ? 0 : 1;
