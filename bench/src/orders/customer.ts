import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { silent } from "warren";
import { embedded } from "warren/embedded";
import { compose } from "warren-example-host";
import { orders } from "../../../examples/orders/src/orders/contract.ts";
import { friendlyPartners } from "../../../examples/orders/src/partner.ts";
import { shipping } from "../../../examples/orders/src/shipping/contract.ts";
import { ordersSystem } from "../../../examples/orders/src/system.ts";
import { argument, say } from "../child.ts";
import { quantile } from "../load.ts";

export interface Customer {
  readonly perSecond: number;
  readonly warmupMs: number;
  readonly durationMs: number;
}

export interface Served {
  /** From the call that orders to the event that says it is shipped, in milliseconds. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** The same of the last quarter of the time alone: where work piles up, it is longer than the whole. */
  readonly lastP50Ms: number;
  readonly shippedPerSecond: number;
  /** Orders that were not shipped yet at the end. */
  readonly unshipped: number;
  /** What is in use once all garbage is collected: at the end of the warm-up, and at the end. */
  readonly memoryBytes: readonly [number, number];
}

const { perSecond, warmupMs, durationMs } = argument<Customer>();
const dataDir = mkdtempSync(join(tmpdir(), "warren-bench-orders-"));
const whole = ordersSystem({ as: "choreography", place: { dataDir }, partners: friendlyPartners() });
const { app: system } = await compose({
  systems: [whole],
  names: Object.keys(whole.parts),
  transport: embedded(),
  log: silent,
});
await system.start();

const waiting = new Map<string, number>();
const shippedEarly = new Map<string, number>();
const done: { readonly began: number; readonly tookMs: number }[] = [];
function note(began: number, ended: number): void {
  done.push({ began, tookMs: ended - began });
}
await system.subscribe(shipping.events.shipped, ({ orderId }) => {
  const [began, now] = [waiting.get(orderId), performance.now()];
  // The event may be faster than the answer to who ordered.
  if (began === undefined) shippedEarly.set(orderId, now);
  else note(began, now);
  waiting.delete(orderId);
});

const client = system.client(orders);
async function order(): Promise<void> {
  const began = performance.now();
  const { data } = await client.create({ date: "2026-07-01", type: "online", desc: "bench", status: "open" });
  const ended = shippedEarly.get(data.id);
  if (ended === undefined) waiting.set(data.id, began);
  else note(began, ended);
  shippedEarly.delete(data.id);
}

/** Orders come when they come, whether those before are done or not. */
async function customers(forMs: number): Promise<void> {
  const from = performance.now();
  const total = Math.floor((forMs / 1_000) * perSecond);
  const orders: Promise<void>[] = [];
  for (let count = 0; count < total; count++) {
    const waitMs = from + (count * 1_000) / perSecond - performance.now();
    if (waitMs > 1) await new Promise((resolve) => setTimeout(resolve, waitMs));
    orders.push(order());
  }
  await Promise.all(orders);
}

setFlagsFromString("--expose-gc");
const collectGarbage: () => void = runInNewContext("gc");
/** Of the heap and beside it. What the process holds (RSS) also grows with the garbage that V8 has not looked at yet. */
function memoryInUse(): number {
  collectGarbage();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

await customers(warmupMs);
const memoryBefore = memoryInUse();
const from = performance.now();
await customers(durationMs);
const until = performance.now();
const measured = done.filter(({ began }) => began >= from);
const sorted = (some: typeof done): number[] => some.map(({ tookMs }) => tookMs).sort((a, b) => a - b);
const all = sorted(measured);
const served: Served = {
  p50Ms: quantile(all, 0.5),
  p99Ms: quantile(all, 0.99),
  lastP50Ms: quantile(sorted(measured.filter(({ began }) => began > until - durationMs / 4)), 0.5),
  shippedPerSecond: measured.length / ((until - from) / 1_000),
  unshipped: waiting.size,
  memoryBytes: [memoryBefore, memoryInUse()],
};
await system.stop();
rmSync(dataDir, { recursive: true });
// Last, as the parent ends this process then.
say(served);
