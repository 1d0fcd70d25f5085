import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { z } from "zod";
import { brokerDown, brokerUp } from "../src/broker/index.ts";
import { type App, app, contract, names, rpc, service, silent } from "../src/index.ts";
import { rabbitmq } from "../src/rabbitmq/index.ts";

const shop = contract("shop", {
  methods: { price: rpc({ output: z.number(), idempotent: true }) },
  events: { sold: z.object({ item: z.number() }) },
});
const mail = contract("mail", {});

/** A node of its own: this test restarts it, under the apps that use it. */
let dataDir: string;
let url: string;
const apps: App[] = [];

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "warren-restart-"));
  // Far from where other tests look for a free one while this node is down.
  url = (await brokerUp({ dataDir, port: 21_000 + Math.floor(Math.random() * 4_000) })).url;
});

afterAll(async () => {
  await Promise.all(apps.map((each) => each.stop({ drainMs: 500 })));
  await brokerDown(dataDir);
  await rm(dataDir, { recursive: true, force: true });
});

async function start(...services: Parameters<typeof app>[0]["services"] & {}): Promise<App> {
  const transport = rabbitmq({ url, reconnect: { baseMs: 20, capMs: 200 } });
  const made = app({ transport, services, log: silent });
  apps.push(made);
  await made.start();
  return made;
}

it("rows 12 and 13: a restart of the broker loses no event, and everything works again by itself, once", async () => {
  const told: number[] = [];
  const mailer = () =>
    service(mail, { uses: { shop }, methods: {}, on: { "shop.sold": ({ item }) => void told.push(item) } });
  const seller = await start(service(shop, { methods: { price: () => 7 } }));
  const first = await start(mailer());
  await first.stop();
  await seller.emit(shop.events.sold, { item: 1 });

  await brokerDown(dataDir);
  await expect.poll(async () => (await seller.health()).ready, { timeout: 10_000 }).toBe(false);
  // Made while there is no broker: both wait for it.
  const emitted = seller.emit(shop.events.sold, { item: 2 });
  const asked = seller.client(shop).price(undefined, { timeoutMs: 30_000 });
  await brokerUp({ dataDir, port: Number(new URL(url).port) });

  expect(await asked).toBe(7);
  await emitted;
  await start(mailer());
  await expect.poll(() => told.toSorted((a, b) => a - b), { timeout: 10_000 }).toEqual([1, 2]);

  const inspector = rabbitmq(url);
  expect(await inspector.inspect(names.requests("shop"))).toEqual({ messages: 0, consumers: 1 });
  expect(await inspector.inspect(names.events("mail"))).toEqual({ messages: 0, consumers: 1 });
  await inspector.close({ drainMs: 0 });
}, 60_000);
