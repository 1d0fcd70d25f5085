import { setTimeout as sleep } from "node:timers/promises";
import { app, type Sql, silent } from "warren";
import { rabbitmq } from "warren/rabbitmq";
import { argument, say } from "../child.ts";
import { type Place, storeAt, till } from "./contract.ts";

export interface Production extends Place {
  /** Transactions under way at once, or… */
  readonly inFlight?: number;
  /** … so many begun in each second. */
  readonly perSecond?: number;
  readonly warmupMs: number;
  readonly durationMs: number;
}

/** Commits one event with each transaction, and says how many there were. */
const asked = argument<Production>();
const store = await storeAt(asked);
const shop = app({ transport: rabbitmq(process.env.AMQP_URL!), stores: [store], log: silent });
await shop.start();
if (asked.writes) await store.query("create table if not exists sales (text text not null)");

const text = "x".repeat(60);
let total = 0;
const once = async (): Promise<void> => {
  await shop.transaction(store, async ({ db, emit }) => {
    if (asked.writes) await (db as Sql).query("insert into sales (text) values ($1)", [text]);
    await emit(till.events.sold, { text, sentAt: performance.timeOrigin + performance.now() });
  });
  total++;
};

const fromMs = Date.now() + asked.warmupMs;
const untilMs = fromMs + asked.durationMs;
const before = process.cpuUsage();
if (asked.perSecond === undefined) {
  const runner = async (): Promise<void> => {
    while (Date.now() < untilMs) await once();
  };
  await Promise.all(Array.from({ length: asked.inFlight ?? 1 }, runner));
} else {
  const underway: Promise<void>[] = [];
  const began = Date.now();
  for (let begun = 0; Date.now() < untilMs; await sleep(2))
    for (; begun < ((Date.now() - began) / 1000) * asked.perSecond; begun++) underway.push(once());
  await Promise.all(underway);
}
const { user, system } = process.cpuUsage(before);
say({ fromMs, untilMs, total, cpuMicroseconds: (user + system) / total });
// An app that stops leaves what is not under way to others, and here there are none.
for (let left = 1; left > 0; await sleep(50)) {
  const { rows } = await store.query<{ count: number }>("select count(*) as count from warren_outbox");
  left = rows[0]!.count;
  if (process.env.SHOW_LEFT) process.stderr.write(`left ${left}\n`);
}
await shop.stop();
