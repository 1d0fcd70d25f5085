import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { describe, expect, test } from "vitest";
import type { Outgoing, Transport } from "warren";
import { embedded, embeddedBroker } from "warren/embedded";
import { aLamp, get, http, installation, order, settled } from "./system.ts";

/** Each was wrong in the system that this one is modelled on. */
describe("what went wrong there goes right here", () => {
  test("every message says which order it is about", async () => {
    const sent: Outgoing[] = [];
    await using system = installation({ as: "choreography", transport: recording(sent) });
    const { url } = await system.run();
    const ids = [await order(url), await order(url, { sku: "desk" }), await order(url, { sku: "piano" })];
    for (const id of ids) await settled(url, id);
    const events = sent.filter(({ exchange }) => exchange === "warren.events");
    const about = (id: string) =>
      new Set(
        events
          .filter(({ body }) => JSON.parse(Buffer.from(body).toString()).orderId === id)
          .map(({ key }) => key),
      );
    expect(about(ids[0]!)).toEqual(new Set(["inventory.reserved", "orders.created", "shipping.shipped"]));
    expect(about(ids[1]!)).toEqual(
      new Set([
        "inventory.reserved",
        "inventory.short",
        "orders.created",
        "shipping.shipped",
        "stock.replenished",
      ]),
    );
    expect(about(ids[2]!)).toEqual(
      new Set(["inventory.reserved", "orders.cancelled", "orders.created", "shipping.failed"]),
    );
    expect(events).toHaveLength(12);
    expect(new Set(events.map(({ messageId }) => messageId)).size).toBe(12);
  });

  test.each([
    ["JSON", "application/json", JSON.stringify(aLamp)],
    ["JSON with a charset", "application/json; charset=utf-8", JSON.stringify(aLamp)],
    ["a form", "application/x-www-form-urlencoded", new URLSearchParams(aLamp).toString()],
  ])("an order is taken as %s", async (_, type, json) => {
    await using system = installation({ as: "choreography", transport: () => embedded() });
    const { url } = await system.run();
    const { status, body } = await http("POST", `${url}/order`, { json, type });
    expect({ status, ...body }).toMatchObject({ status: "success", data: aLamp });
    expect(body.data).toEqual({
      ...aLamp,
      id: expect.any(String),
      sku: "lamp",
      quantity: 1,
      progress: "open",
      reason: null,
    });
  });

  test("every wrong field is listed, and nothing is kept of the order", async () => {
    await using system = installation({ as: "choreography", transport: () => embedded() });
    const { url } = await system.run();
    const wrong = { date: "yesterday", type: "phone", desc: " ", status: "new" };
    const { status, body } = await http("POST", `${url}/order`, { json: wrong });
    expect(status).toBe(400);
    expect(body.issues.map(({ path }: { path: string }) => path)).toEqual(["date", "type", "desc", "status"]);
    expect((await http("POST", `${url}/order`, { json: {} })).body.issues).toHaveLength(4);
    expect(await get(url, "/order")).toEqual({ status: "success", data: [] });
  });

  test.each([
    ["2017-11-20", 200],
    ["2017-11-20T08:30:00Z", 200],
    ["2017-11-20T08:30:00+05:00", 200],
    ["2017-13-20", 400],
    ["20.11.2017", 400],
  ])("the date %s is answered with %i", async (date, status) => {
    await using system = installation({ as: "choreography", transport: () => embedded() });
    const { url } = await system.run();
    expect((await http("POST", `${url}/order`, { json: { ...aLamp, date } })).status).toBe(status);
  });

  test("one order is found by its id, all are listed, and another id is none", async () => {
    await using system = installation({ as: "choreography", transport: () => embedded() });
    const { url } = await system.run();
    const [one, two] = [await order(url), await order(url)];
    await Promise.all([settled(url, one), settled(url, two)]);
    const { status, body } = await http("GET", `${url}/order/${one}`);
    expect(status).toBe(200);
    expect(body).toMatchObject({ status: "success", data: { id: one, ...aLamp, status: "closed" } });
    const all = await http("GET", `${url}/order`);
    expect(all.status).toBe(200);
    expect(all.body).toMatchObject({ status: "success", data: [{ id: two }, { id: one }] });
    const none = await http("GET", `${url}/order/${crypto.randomUUID()}`);
    expect(none.status).toBe(404);
    expect(none.body.detail).toBe("The specified order does not exist in the database");
  });

  test("an order that is closed already is kept, and nothing is set going", async () => {
    const sent: Outgoing[] = [];
    await using system = installation({ as: "choreography", transport: recording(sent) });
    const { url } = await system.run();
    const { body } = await http("POST", `${url}/order`, { json: { ...aLamp, status: "closed" } });
    expect(await settled(url, body.data.id)).toMatchObject({ status: "closed", progress: "recorded" });
    expect(sent.filter(({ exchange }) => exchange === "warren.events")).toEqual([]);
  });

  test("an order that cannot be kept is not announced, and is answered once, with 500", async () => {
    const sent: Outgoing[] = [];
    await using system = installation({ as: "choreography", transport: recording(sent) });
    const { url } = await system.run();
    const database = new DatabaseSync(join(system.dataDir, "orders.db"));
    database.exec("drop table orders");
    database.close();
    const { status, body } = await http("POST", `${url}/order`, { json: aLamp });
    expect(status).toBe(500);
    expect(JSON.stringify(body)).not.toContain("no such table");
    expect((await http("GET", `${url}/order`)).status).toBe(500);
    expect((await get(url, "/inventory/lamp")).reserved).toBe(0);
    expect(sent.filter(({ exchange }) => exchange === "warren.events")).toEqual([]);
  });

  test("no listener is added to the process for each message", async () => {
    await using system = installation({ as: "choreography", transport: () => embedded() });
    const { url } = await system.run();
    await settled(url, await order(url));
    const before = listeners();
    for (const id of await Promise.all(Array.from({ length: 30 }, () => order(url)))) await settled(url, id);
    expect(listeners()).toEqual(before);
  });

  test("an event that comes again, also much later, changes nothing and causes no further event", async () => {
    const broker = embeddedBroker();
    const sent: Outgoing[] = [];
    await using system = installation({ as: "choreography", transport: recording(sent, { broker }) });
    const { url } = await system.run();
    const ids = [await order(url), await order(url, { sku: "desk" }), await order(url, { sku: "piano" })];
    for (const id of ids) await settled(url, id);
    await expect.poll(() => get(url, "/inventory/piano")).toMatchObject({ reserved: 0 });
    await expect.poll(() => get(url, "/inventory/desk")).toMatchObject({ reserved: 0 });
    await expect.poll(async () => (await get(url, "/letters")).length).toBe(1);
    const before = await everything(url);
    const events = sent.filter(({ exchange }) => exchange === "warren.events");
    const outsider = embedded({ broker });
    for (let round = 0; round < 3; round++)
      await Promise.all(events.toReversed().map((event) => outsider.publish(event)));
    // What was published before it in each queue is done when this one is.
    await settled(url, await order(url));
    await expect
      .poll(() => everything(url))
      .toEqual({ ...before, onHand: before.onHand - 1, shipped: before.shipped + 1, orders: 4 });
    expect(sent.filter(({ exchange }) => exchange === "warren.events")).toHaveLength(events.length + 3);
    await outsider.close({ drainMs: 0 });
  });
});

async function everything(url: string) {
  const [lamp, desk, piano] = [
    await get(url, "/inventory/lamp"),
    await get(url, "/inventory/desk"),
    await get(url, "/inventory/piano"),
  ];
  return {
    onHand: lamp.onHand as number,
    shelves: [lamp.reserved, desk, piano],
    depot: await get(url, "/stock/desk"),
    shipped: (await get(url, "/shipping/lamp")).shipped as number,
    letters: (await get(url, "/letters")).length,
    orders: (await get(url, "/order")).data.length as number,
  };
}

function listeners(): readonly number[] {
  return ["SIGTERM", "SIGINT", "exit", "uncaughtException"].map((name) => process.listenerCount(name));
}

/** Connections that note what they send. */
function recording(sent: Outgoing[], options: Parameters<typeof embedded>[0] = {}): () => Transport {
  return () => {
    const inner = embedded(options);
    return new Proxy(inner, {
      get(target, key) {
        const value = Reflect.get(target, key, target);
        if (typeof value !== "function") return value;
        return (...args: unknown[]) => {
          if (key === "publish" || key === "send") sent.push(args[0] as Outgoing);
          return value.apply(target, args);
        };
      },
    });
  };
}
