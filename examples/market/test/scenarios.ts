import { expect, test } from "vitest";
import type { Transport } from "warren";
import { listen, soldText } from "./listener.ts";
import { http, installation, newName, offer } from "./system.ts";

/** What has to hold on any transport. `connect` makes one connection to the same broker each time. */
export function marketScenarios(broker: () => () => Transport): void {
  test("an item is offered, found, bought once, and its seller alone is told", async () => {
    await using system = installation(broker());
    const { url } = await system.run();
    const seller = newName();
    const token = await system.token(seller);

    const offered = await http("POST", `${url}/market/items`, {
      token,
      json: { title: " Kite ", priceCents: 900 },
    });
    expect(offered.status).toBe(201);
    const { id } = offered.body;
    expect(offered.headers.get("location")).toBe(`/market/items/${id}`);
    const item = { id, title: "Kite", priceCents: 900, sold: false, seller };
    expect((await http("GET", `${url}/market/items/${id}`)).body).toEqual(item);
    expect((await http("GET", `${url}/market/items`)).body[0]).toEqual(item);

    using told = await listen(url, { token });
    const otherToken = await system.token(newName());
    using other = await listen(url, { token: otherToken, userId: seller });
    using claiming = await listen(url, { userId: seller });
    expect(await http("POST", `${url}/market/buy/${id}`)).toMatchObject({ status: 200, body: { ok: true } });
    expect(await told.next()).toBe(soldText(id));
    expect(await claiming.closed).toBe(4401);
    expect(claiming.told).toEqual([]);
    // The first that the other hears of is a sale of their own.
    const theirs = await offer(url, otherToken);
    await http("POST", `${url}/market/buy/${theirs.id}`);
    expect(await other.next()).toBe(soldText(theirs.id));

    const again = await http("POST", `${url}/market/buy/${id}`);
    expect(again.status).toBe(404);
    expect(again.headers.get("content-type")).toContain("application/problem+json");
    expect(again.body).toMatchObject({ title: "Item not found", code: "ITEM_NOT_FOUND", data: { id } });
    expect((await http("GET", `${url}/market/items/${id}`)).body.sold).toBe(true);
  });

  test("of 100 simultaneous purchases at two instances exactly one succeeds, and the seller is told once", async () => {
    await using system = installation(broker());
    const { url } = await system.run();
    await system.run(["market"]);
    const token = await system.token(newName());
    const [wanted, last] = [await offer(url, token), await offer(url, token)];
    using told = await listen(url, { token });
    const answers = await Promise.all(
      Array.from({ length: 100 }, () => http("POST", `${url}/market/buy/${wanted.id}`)),
    );
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
    expect(answers.filter(({ status }) => status === 404)).toHaveLength(99);
    await http("POST", `${url}/market/buy/${last.id}`);
    expect([await told.next(), await told.next()]).toEqual([soldText(wanted.id), soldText(last.id)]);
  });

  test("with notifications stopped buying works, and the seller is told when they are back", async () => {
    await using system = installation(broker());
    const { url } = await system.run(["market", "gateway"]);
    const notifications = await system.run(["notifications"]);
    const token = await system.token(newName());
    const { id } = await offer(url, token);
    using told = await listen(url, { token });
    await notifications.stop();

    expect((await http("POST", `${url}/market/buy/${id}`)).status).toBe(200);
    expect(told.told).toEqual([]);
    await system.run(["notifications"]);
    expect(await told.next()).toBe(soldText(id));
    const { body } = await http("GET", `${url}/notifications`, { token });
    expect(body).toMatchObject([{ text: `Item #${id} was sold!` }]);
  });

  test("a seller's clients at two gateways are told by both", async () => {
    await using system = installation(broker());
    const [one, two] = [await system.run(), await system.run(["gateway"])];
    const token = await system.token(newName());
    const { id } = await offer(two.url, token);
    using atOne = await listen(one.url, { token });
    using atTwo = await listen(two.url, { token });
    await http("POST", `${one.url}/market/buy/${id}`);
    expect(await Promise.all([atOne.next(), atTwo.next()])).toEqual([soldText(id), soldText(id)]);
  });
}
