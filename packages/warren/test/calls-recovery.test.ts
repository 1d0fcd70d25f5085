import { describe, expect, it } from "vitest";
import { names, silent } from "../src/index.ts";
import { rabbitmq } from "../src/rabbitmq/index.ts";
import { outsider, proxied } from "./rabbit.ts";
import { faultOf, gate, world } from "./shape-world.ts";

/** Calls of an app whose way to the broker leads through a proxy that can be cut. */
describe("calls on RabbitMQ", () => {
  const w = world("rabbitmq");

  it("whose connection is cut: an idempotent one is sent again, any other has an unknown outcome at once", async () => {
    const [entered, hold] = [gate(), gate()];
    let runs = 0;
    const serving = w().shapeService({
      again: async () => {
        runs += 1;
        if (runs === 1) {
          entered.open();
          await hold.promise;
        }
        return "answered";
      },
      slow: () => new Promise(() => {}),
    });
    await w().start({ services: [serving] });
    const { proxy, url } = await proxied();
    const client = (
      await w().start({ transport: rabbitmq({ url, reconnect: { baseMs: 10, capMs: 50 } }) })
    ).client(w().shape);
    const again = client.again();
    const slow = faultOf(client.slow({ tag: "" }));
    await entered.promise;
    proxy.cut();
    hold.open();
    expect((await slow).code).toBe("UNKNOWN_OUTCOME");
    expect(await again).toBe("answered");
    expect(runs).toBe(2);
  });

  it("made while the broker is away wait for it, or fail at once where asked for", async () => {
    await w().start({ services: [w().shapeService()] });
    const { proxy, url } = await proxied();
    const app = await w().start({ transport: rabbitmq({ url, reconnect: { baseMs: 10, capMs: 50 } }) });
    const client = app.client(w().shape);
    await proxy.set("refuse");
    proxy.cut();
    await expect.poll(async () => (await app.health()).ready).toBe(false);
    const waiting = client.add({ a: 1, b: 2 });
    expect((await faultOf(client.again(undefined, { timeoutMs: 100 }))).code).toBe("UNAVAILABLE");
    await proxy.set("pass");
    expect(await waiting).toBe(3);
  });

  it("survive the loss of a service's queue: it is declared and consumed again", async () => {
    await w().start({ services: [w().shapeService()] });
    const client = (await w().start()).client(w().shape);
    const channel = await outsider();
    await channel.deleteQueue(names.requests(w().shape.name));
    await expect.poll(() => client.add({ a: 1, b: 2 }).catch((fault) => fault.code)).toBe(3);
  });

  it("of a service that loses its connection midway: not run twice unless idempotent", async () => {
    const { proxy, url } = await proxied();
    const entered = gate();
    const runs: string[] = [];
    const enter = (name: string): Promise<string> => {
      runs.push(name);
      if (runs.length === 2) entered.open();
      return runs.length > 2 ? Promise.resolve("second") : new Promise(() => {});
    };
    const service = w().shapeService({ again: () => enter("again"), slow: () => enter("slow") });
    await w().start({
      services: [service],
      transport: rabbitmq({ url, reconnect: { baseMs: 10, capMs: 50 } }),
      log: silent,
    });
    const client = (await w().start()).client(w().shape);
    const again = client.again();
    const slow = faultOf(client.slow({ tag: "" }));
    await entered.promise;
    proxy.cut();
    expect((await slow).code).toBe("UNKNOWN_OUTCOME");
    expect(await again).toBe("second");
    expect(runs.toSorted((a, b) => a.localeCompare(b))).toEqual(["again", "again", "slow"]);
  });
});
