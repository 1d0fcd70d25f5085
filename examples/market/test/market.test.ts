import { randomUUID } from "node:crypto";
import { describe, expect, test } from "vitest";
import { Fault, names, type Outgoing, type Transport } from "warren";
import { embedded, embeddedBroker } from "warren/embedded";
import { intercepted } from "./intercepted.ts";
import { listen, soldText } from "./listener.ts";
import { marketScenarios } from "./scenarios.ts";
import { http, installation, newName } from "./system.ts";

describe("on the embedded broker", () => {
  marketScenarios(() => {
    const broker = embeddedBroker();
    return () => embedded({ broker });
  });
});

describe("the items", () => {
  test("a few are there from the first start, and are not added again at the second", async () => {
    await using system = installation(() => embedded());
    const first = await system.run();
    const before = (await http("GET", `${first.url}/market/items`)).body;
    expect(before).toHaveLength(5);
    await http("POST", `${first.url}/market/buy/3`);
    await first.stop();
    const second = await system.run();
    const after = (await http("GET", `${second.url}/market/items`)).body;
    expect(after).toEqual(before.map((item: { id: number }) => ({ ...item, sold: item.id === 3 })));
  });

  test("are listed page by page, the newest first", async () => {
    await using system = installation(() => embedded());
    const { url } = await system.run();
    const ids = async (query: string): Promise<number[]> =>
      (await http("GET", `${url}/market/items?${query}`)).body.map(({ id }: { id: number }) => id);
    expect(await ids("limit=2")).toEqual([5, 4]);
    expect(await ids("limit=2&before=4")).toEqual([3, 2]);
    expect(await ids("before=1")).toEqual([]);
  });

  test("are sold by who the token says, whatever the body claims", async () => {
    await using system = installation(() => embedded());
    const { url } = await system.run();
    const json = { title: "Kite", priceCents: 900, seller: "demo", sold: true, id: 1 };
    const { status, body } = await http("POST", `${url}/market/items`, {
      token: await system.token("ann"),
      json,
    });
    expect({ status, ...body }).toEqual({
      status: 201,
      id: 6,
      title: "Kite",
      priceCents: 900,
      sold: false,
      seller: "ann",
    });
  });
});

describe("bad input", () => {
  const big = JSON.stringify({ title: "x".repeat(2 * 1024 * 1024), priceCents: 1 });
  test.each([
    ["an item that does not exist", "POST", "/market/buy/999", {}, 404],
    ["an id that is no number", "POST", "/market/buy/first", {}, 422],
    ["an id of zero", "POST", "/market/buy/0", {}, 422],
    ["an id beyond what numbers can say", "POST", "/market/buy/99999999999999999999", {}, 422],
    ["a page of a million items", "GET", "/market/items?limit=1000000", {}, 422],
    ["invalid JSON", "POST", "/market/items", { json: '{"title":' }, 400],
    ["a __proto__ key", "POST", "/market/items", { json: '{"__proto__":{"title":"x"},"priceCents":1}' }, 400],
    ["fields of wrong types", "POST", "/market/items", { json: { title: 1, priceCents: "free" } }, 422],
    ["an empty title", "POST", "/market/items", { json: { title: "  ", priceCents: 1 } }, 422],
    ["a price below nothing", "POST", "/market/items", { json: { title: "Kite", priceCents: -1 } }, 422],
    ["no body", "POST", "/market/items", {}, 422],
    ["another content type", "POST", "/market/items", { json: "<item/>", type: "application/xml" }, 415],
    ["a body of two megabytes", "POST", "/market/items", { json: big }, 413],
    ["a route that does not exist", "GET", "/market/constructor", {}, 404],
    ["a verb that does not exist here", "DELETE", "/market/items", {}, 405],
  ])(
    "%s is refused with a problem document, and the system goes on",
    async (_what, verb, path, request, status) => {
      await using system = installation(() => embedded());
      const { url } = await system.run();
      const answer = await http(verb, url + path, { ...request, token: await system.token("ann") });
      expect(answer.status).toBe(status);
      expect(answer.headers.get("content-type")).toContain("application/problem+json");
      expect(answer.body).toMatchObject({ status, title: expect.any(String), code: expect.any(String) });
      expect((await http("POST", `${url}/market/buy/1`)).status).toBe(200);
    },
  );

  test("a refused field is named", async () => {
    await using system = installation(() => embedded());
    const { url } = await system.run();
    const token = await system.token("ann");
    const { body } = await http("POST", `${url}/market/items`, {
      token,
      json: { title: "Kite", priceCents: 1.5 },
    });
    expect(body.issues).toMatchObject([{ path: "priceCents" }]);
  });

  test.each([
    ["POST", "/market/items"],
    ["GET", "/notifications"],
  ])("%s %s needs a token, and a good one", async (verb, path) => {
    await using system = installation(() => embedded());
    await using elsewhere = installation(() => embedded());
    const { url } = await system.run();
    const foreign = await elsewhere.token("ann");
    for (const token of [undefined, "nonsense", foreign])
      expect((await http(verb, url + path, { token, ...(verb === "POST" ? { json: {} } : {}) })).status).toBe(
        401,
      );
  });
});

describe("a sale", () => {
  test("that arrives twice is told once", async () => {
    const broker = embeddedBroker();
    await using system = installation(() => embedded({ broker }));
    const { url } = await system.run();
    const seller = newName();
    const token = await system.token(seller);
    using told = await listen(url, { token });
    const message = (itemId: number): Outgoing => ({
      exchange: names.eventExchange,
      key: "market.sold",
      body: Buffer.from(JSON.stringify({ itemId, title: "Kite", priceCents: 900, sellerId: seller })),
      persistent: true,
      mandatory: true,
      contentType: "application/json",
      type: "market.sold",
      messageId: randomUUID(),
    });
    const raw = embedded({ broker });
    const twice = message(41);
    await Promise.all([raw.publish(twice), raw.publish(twice)]);
    await raw.publish(twice);
    await raw.publish(message(42));
    expect([await told.next(), await told.next()]).toEqual([soldText(41), soldText(42)]);
    expect((await http("GET", `${url}/notifications`, { token })).body).toHaveLength(2);
    await raw.close({ drainMs: 0 });
  });

  test("that cannot be announced is called off", async () => {
    let isDown = true;
    const refusing = (): Transport => {
      const inner = embedded();
      const publish = (message: Outgoing): Promise<void> =>
        isDown ? Promise.reject(new Fault("UNAVAILABLE", undefined)) : inner.publish(message);
      return intercepted(inner, { publish });
    };
    await using system = installation(refusing);
    const { url } = await system.run();
    expect((await http("POST", `${url}/market/buy/1`)).status).toBe(503);
    expect((await http("GET", `${url}/market/items/1`)).body.sold).toBe(false);
    isDown = false;
    expect((await http("POST", `${url}/market/buy/1`)).status).toBe(200);
  });
});
