import { setTimeout as sleep } from "node:timers/promises";
import { app, type Sql, service, silent } from "warren";
import { rabbitmq } from "warren/rabbitmq";
import { argument, heard, say } from "../child.ts";
import { quantile } from "../load.ts";
import { ledger, type Place, storeAt, till } from "./contract.ts";

export interface Produced {
  readonly fromMs: number;
  readonly untilMs: number;
  readonly total: number;
  readonly cpuMicroseconds: number;
}

export interface Arrived {
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly cpuMicroseconds: number;
  readonly twice: number;
}

/** Hears each event once: a reaction with a store. Says how many it had done in the window, and how old they were. */
const place = argument<Place & { prefetch?: number }>();
const patienceMs = 60_000;
const store = await storeAt(place);
const ages: { readonly at: number; readonly ageMs: number }[] = [];
const books = app({
  transport: rabbitmq(process.env.AMQP_URL!),
  services: [
    service(ledger, {
      uses: { till },
      methods: {},
      store,
      concurrency: place.prefetch ?? 1_000,
      on: {
        "till.sold": async ({ text, sentAt }, { db }) => {
          if (place.writes) await (db as Sql).query("insert into entries (text) values ($1)", [text]);
          const now = performance.timeOrigin + performance.now();
          ages.push({ at: now, ageMs: now - sentAt });
        },
      },
    }),
  ],
  log: silent,
});
await store.open();
if (place.writes) await store.query("create table if not exists entries (text text not null)");
await books.start();
const before = process.cpuUsage();
say({ ready: true });
const { fromMs, untilMs, total } = await heard<Produced>();
const giveUpAt = Date.now() + patienceMs;
while (ages.length < total) {
  if (Date.now() > giveUpAt) throw new Error(`Only ${ages.length} of ${total} events arrived.`);
  await sleep(10);
}
const { user, system } = process.cpuUsage(before);
const inside = ages.filter(({ at }) => at >= fromMs && at < untilMs).map(({ ageMs }) => ageMs);
inside.sort((a, b) => a - b);
await books.stop();
say({
  perSecond: (inside.length / (untilMs - fromMs)) * 1000,
  p50Ms: quantile(inside, 0.5),
  p99Ms: quantile(inside, 0.99),
  cpuMicroseconds: (user + system) / total,
  twice: ages.length - total,
} satisfies Arrived);
