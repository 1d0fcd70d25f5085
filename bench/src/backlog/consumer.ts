// A service that finds a backlog when it starts, and works it off.
import { app, service, silent } from "warren";
import { rabbitmq } from "warren/rabbitmq";
import { argument, say } from "../child.ts";
import { ledger, till } from "../events/contract.ts";

export interface WorkedOff {
  readonly perSecond: number;
  readonly startedRssBytes: number;
  /** The most there was at any time of its life, as the system's kernel counts it. */
  readonly peakRssBytes: number;
}

const { messages } = argument<{ messages: number }>();
let handled = 0;
const done = Promise.withResolvers<void>();
const react = (): void => {
  if (++handled === messages) done.resolve();
};
const shop = app({
  transport: rabbitmq(process.env.AMQP_URL!),
  services: [service(ledger, { uses: { till }, methods: {}, on: { "till.sold": react } })],
  log: silent,
});
const began = performance.now();
await shop.start();
const startedRssBytes = process.memoryUsage().rss;
// With nothing to work off, it only declared the queue.
if (messages > 0) await done.promise;
const tookMs = performance.now() - began;
// Before anything is said, since the parent ends this process then: what is not acknowledged would come again in the next run.
await shop.stop();
say({
  perSecond: (handled / tookMs) * 1000,
  startedRssBytes,
  peakRssBytes: process.resourceUsage().maxRSS * 1024,
} satisfies WorkedOff);
