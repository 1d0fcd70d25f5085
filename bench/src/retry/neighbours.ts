// The latency of events at a steady pace, from `emit` to the reaction, while another event of the same queue keeps
// failing, or while none does.
import { setTimeout as sleep } from "node:timers/promises";
import { app, contract, service, silent } from "warren";
import { rabbitmq } from "warren/rabbitmq";
import { z } from "zod";
import { argument, say } from "../child.ts";
import { quantile } from "../load.ts";
import { longestWaits } from "./longest.ts";

export interface NeighboursOptions {
  readonly retrying: boolean;
  readonly perSecond: number;
  readonly warmupMs: number;
  readonly durationMs: number;
}

export interface Neighbours {
  readonly events: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
  /** How often the failing one was tried. */
  readonly tries: number;
}

const { retrying, perSecond, warmupMs, durationMs } = argument<NeighboursOptions>();
const till = contract("till", { events: { sold: z.object({ at: z.number() }), stuck: z.object({}) } });
const ledger = contract("ledger", {});
const latencies: number[] = [];
let handled = 0;
let tries = 0;
let counts = false;
let mended = !retrying;
const done = Promise.withResolvers<void>();

const { random, pin } = longestWaits();
const shop = app({
  transport: rabbitmq(process.env.AMQP_URL!),
  services: [
    service(ledger, {
      uses: { till },
      methods: {},
      on: {
        "till.sold": ({ at }) => {
          handled++;
          if (counts) latencies.push(performance.now() - at);
        },
        "till.stuck": {
          retry: { attempts: 1_000_000, baseMs: 100, capMs: 100 },
          run() {
            if (mended) return done.resolve();
            tries++;
            throw new Error("not yet");
          },
        },
      },
    }),
  ],
  log: silent,
  random,
});
pin();
await shop.start();
if (retrying) await shop.emit(till.events.stuck, {});

const began = performance.now();
const confirms: Promise<void>[] = [];
let sent = 0;
for (let elapsed = 0; elapsed < warmupMs + durationMs; elapsed = performance.now() - began) {
  counts = elapsed >= warmupMs;
  for (; sent < (elapsed / 1000) * perSecond; sent++)
    confirms.push(shop.emit(till.events.sold, { at: performance.now() }));
  await sleep(2);
}
await Promise.all(confirms);
while (handled < sent) await sleep(10);
mended = true;
// The next measurement begins with an empty queue.
if (retrying) await done.promise;
// Before anything is said, since the parent ends this process then: what is not acknowledged would come again in the next run.
await shop.stop();
latencies.sort((a, b) => a - b);
say({
  events: latencies.length,
  p50Ms: quantile(latencies, 0.5),
  p99Ms: quantile(latencies, 0.99),
  maxMs: latencies.at(-1)!,
  tries,
} satisfies Neighbours);
