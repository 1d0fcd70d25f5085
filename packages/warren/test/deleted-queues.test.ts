// RabbitMQ only: nobody can delete a queue of the embedded broker.
import { expect, it } from "vitest";
import { z } from "zod";
import { contract, names, service } from "../src/index.ts";
import { outsider, transport } from "./rabbit.ts";
import { gate, world } from "./shape-world.ts";

const w = world("rabbitmq");

it("a dead-letter queue that was deleted is declared again for what became a dead letter meanwhile", async () => {
  const shop = await w().start({ services: [w().shapeService()] });
  const dead = names.dead(w().shape.name);
  await (await outsider()).deleteQueue(dead);
  const other = transport();
  const queue = names.requests(w().shape.name);
  const garbage = { exchange: "", key: queue, body: Buffer.from("{"), persistent: true, mandatory: true };
  await other.publish({ ...garbage, type: "unknown" });
  await expect.poll(async () => (await other.inspect(dead))?.messages, { timeout: 10_000 }).toBe(1);
  await shop.stop();
});

it("a delay queue that was deleted is declared again for the next retry", async () => {
  const news = contract(`news-${w().shape.name}`, { events: { out: z.string() } });
  const done = { first: gate(), second: gate() };
  const failsOnce = service(news, {
    methods: {},
    on: {
      [news.events.out.id]: (name: "first" | "second", { attempt }: { attempt: number }) => {
        if (attempt === 1) throw new Error("as it happens");
        done[name].open();
      },
    } as never,
    retry: { attempts: 5, baseMs: 250, capMs: 250 },
  });
  // Always the same tier, one that no other test uses.
  const shop = await w().start({ services: [failsOnce], random: () => 0.9 });
  await shop.emit(news.events.out, "first");
  await done.first.promise;
  await (await outsider()).deleteQueue(names.delay(250));
  await shop.emit(news.events.out, "second");
  await done.second.promise;
});
