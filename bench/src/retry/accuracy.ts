// Events that fail once, on each tier: how long after the failure does the next try begin?
import { setTimeout as sleep } from "node:timers/promises";
import { app, contract, service, silent } from "warren";
import { rabbitmq } from "warren/rabbitmq";
import { z } from "zod";
import { argument, say } from "../child.ts";
import { longestWaits } from "./longest.ts";

export interface AccuracyOptions {
  readonly tiersMs: readonly number[];
  /** Events of this time do not count: the first wait on a tier declares its queue. */
  readonly warmupMs: number;
  readonly durationMs: number;
}

/** The delays measured, by tier, in milliseconds. */
export type Delays = Readonly<Record<number, readonly number[]>>;

const { tiersMs, warmupMs, durationMs } = argument<AccuracyOptions>();
/** Between two events of a tier, on average; never in step with the broker's own timers. */
const paceMs = 50;
const numbered = z.object({ number: z.int() });

function tier(waitMs: number) {
  const due = contract(`wait-${waitMs}`, { events: { due: numbered } });
  const failedAt = new Map<number, number>();
  const delays: { number: number; ms: number }[] = [];
  const run = (event: { number: number }): void => {
    const now = performance.now();
    const since = failedAt.get(event.number);
    if (since !== undefined) return void delays.push({ number: event.number, ms: now - since });
    failedAt.set(event.number, performance.now());
    throw new Error("not yet");
  };
  const retry = { attempts: 3, baseMs: waitMs, capMs: waitMs };
  const waiting = service(due, { methods: {}, on: { [`wait-${waitMs}.due`]: { run, retry } } as never });
  return { waitMs, event: due.events.due, service: waiting, delays };
}

const tiers = tiersMs.map(tier);
const { random, pin } = longestWaits();
const shop = app({
  transport: rabbitmq(process.env.AMQP_URL!),
  services: tiers.map((tier) => tier.service),
  log: silent,
  random,
});
pin();
await shop.start();

let sent = 0;
let firstCounted = 0;
const began = performance.now();
for (let elapsed = 0; elapsed < warmupMs + durationMs; elapsed = performance.now() - began) {
  if (elapsed < warmupMs) firstCounted = sent + 1;
  const number = sent++;
  await Promise.all(tiers.map(({ event }) => shop.emit(event, { number })));
  await sleep(paceMs * (0.5 + Math.random()));
}
const giveUpAt = performance.now() + 60_000;
while (tiers.some(({ delays }) => delays.length < sent)) {
  if (performance.now() > giveUpAt) throw new Error("Some events were not tried again within a minute.");
  await sleep(50);
}
// Before anything is said, since the parent ends this process then: what is not acknowledged would come again in the next run.
await shop.stop();
const counted = tiers.map(({ waitMs, delays }) => [
  waitMs,
  delays.filter(({ number }) => number >= firstCounted).map(({ ms }) => ms),
]);
say(Object.fromEntries(counted) satisfies Delays);
