import { expect, test } from "vitest";
import type { Transport } from "warren";
import type { As } from "../src/as.ts";
import { failing, friendlyPartners, type Partner } from "../src/partner.ts";
import { aLamp, get, http, installation, order, settled } from "./system.ts";

export interface ScenarioOptions {
  readonly as: As;
  /** Gives a maker of connections to one broker, for one test. */
  readonly broker: () => () => Transport;
  readonly databaseUrl?: () => string;
}

/** What becomes of single orders. */
export function singleOrders(options: ScenarioOptions): void {
  const system = systemOf(options);

  test("what is on the shelf is put aside and shipped", async () => {
    await using orders = system();
    const { url } = await orders.run();
    const before = await get(url, "/inventory/lamp");
    const { status, body } = await http("POST", `${url}/order`, { json: aLamp });
    expect({ status, body }).toMatchObject({
      status: 200,
      body: { status: "success", data: { ...aLamp, id: expect.any(String), progress: "open" } },
    });
    const { id } = body.data;
    expect(await settled(url, id)).toMatchObject({ id, progress: "shipped", status: "closed", reason: null });
    await expect
      .poll(() => get(url, "/inventory/lamp"))
      .toMatchObject({ onHand: before.onHand - 1, reserved: 0 });
    expect(await get(url, "/shipping/lamp")).toMatchObject({ shipped: 1 });
    expect(await get(url, "/letters")).toEqual([]);
  });

  test.each(["\0", "\ud800"])("a text with what no database keeps is refused: %j", async (odd) => {
    await using orders = system();
    const { url } = await orders.run();
    for (const field of ["desc", "sku"]) {
      const asJson = await http("POST", `${url}/order`, { json: { ...aLamp, [field]: `a${odd}b` } });
      expect(asJson).toMatchObject({
        status: 400,
        body: { code: "INVALID_INPUT", issues: [{ path: field }] },
      });
    }
    expect(await get(url, "/order")).toEqual({ status: "success", data: [] });
  });

  test("a text with U+0000 is refused in a form and in a path as well", async () => {
    await using orders = system();
    const { url } = await orders.run();
    for (const field of ["desc", "sku"]) {
      const json = new URLSearchParams({ ...aLamp, [field]: "a\0b" }).toString();
      const asForm = await http("POST", `${url}/order`, { json, type: "application/x-www-form-urlencoded" });
      expect(asForm).toMatchObject({
        status: 400,
        body: { code: "INVALID_INPUT", issues: [{ path: field }] },
      });
    }
    const found = ["/order/%00", "/inventory/%00", "/stock/%00", "/shipping/%00"].map(
      async (path) => (await http("GET", `${url}${path}`)).status,
    );
    expect(await Promise.all(found)).toEqual([404, 422, 422, 422]);
  });

  test("what is not comes from the depot first, and the rest of it stays on the shelf", async () => {
    await using orders = system();
    const { url } = await orders.run();
    const { left } = await get(url, "/stock/desk");
    const id = await order(url, { sku: "desk", quantity: 3 });
    expect(await settled(url, id)).toMatchObject({ progress: "shipped" });
    expect(await get(url, "/stock/desk")).toMatchObject({ left: left - 20 });
    await expect.poll(() => get(url, "/inventory/desk")).toMatchObject({ onHand: 17, reserved: 0 });
    expect(await get(url, "/shipping/desk")).toMatchObject({ shipped: 3 });
  });

  test.each([
    ["there is no such thing", "unicorn", 'there is no "unicorn"'],
    ["the depot has nothing left", "clock", 'no "clock" is left in the depot'],
    ["the carrier refuses", "piano", "too heavy for us"],
  ])(
    "where %s, the order is cancelled, the customer told once, and everything put back",
    async (_, sku, reason) => {
      await using orders = system();
      const { url } = await orders.run();
      const before = await http("GET", `${url}/inventory/${sku}`);
      const id = await order(url, { sku });
      expect(await settled(url, id)).toMatchObject({ progress: "cancelled", status: "closed", reason });
      await expect
        .poll(() => get(url, "/letters"))
        .toMatchObject([{ orderId: id, text: expect.stringContaining(reason) }]);
      await expect
        .poll(async () => withoutInstance(await http("GET", `${url}/inventory/${sku}`)))
        .toEqual(withoutInstance(before));
      expect(await get(url, `/shipping/${sku}`)).toMatchObject({ shipped: 0 });
    },
  );

  test.each(["counter", "haulier", "carrier"] as const)(
    "a %s who cannot be reached is asked again, and after some tries the order is cancelled",
    async (who) => {
      let asked = 0;
      const away: Partner = {
        name: who,
        async ask() {
          asked++;
          throw new Error(`The ${who} cannot be reached.`);
        },
      };
      await using orders = system({ ...friendlyPartners(), [who]: away });
      const { url } = await orders.run();
      const before = await get(url, "/inventory/desk");
      const id = await order(url, { sku: "desk", quantity: 5 });
      expect(await settled(url, id)).toMatchObject({ progress: "cancelled" });
      expect(asked).toBe(4);
      const delivered = who === "carrier" ? 20 : 0;
      await expect
        .poll(() => get(url, "/inventory/desk"))
        .toMatchObject({ onHand: before.onHand + delivered, reserved: 0 });
    },
  );

  test("a partner who is away for a moment costs nothing but time", async () => {
    let asked = 0;
    const shaky: Partner = {
      name: "carrier",
      async ask() {
        if (asked++ < 2) throw new Error("The carrier cannot be reached.");
        return { done: "parcel-1" };
      },
    };
    await using orders = system({ ...friendlyPartners(), carrier: shaky });
    const { url } = await orders.run();
    expect(await settled(url, await order(url))).toMatchObject({ progress: "shipped" });
    expect(await get(url, "/shipping/lamp")).toMatchObject({ shipped: 1 });
  });
}

/** What becomes of many orders at once. */
export function manyOrders(options: ScenarioOptions): void {
  const system = systemOf(options);

  test("of many orders for the last ones, as many are shipped as there are, and the others told", {
    timeout: 60_000,
  }, async () => {
    await using orders = system();
    const { url } = await orders.run();
    const ids = await Promise.all(
      Array.from({ length: 30 }, () => order(url, { sku: "desk", quantity: 20 })),
    );
    const ends = await Promise.all(ids.map((id) => settled(url, id)));
    const shipped = ends.filter(({ progress }) => progress === "shipped");
    expect(shipped).toHaveLength(25);
    await expect.poll(() => get(url, "/inventory/desk")).toMatchObject({ onHand: 0, reserved: 0 });
    expect(await get(url, "/stock/desk")).toMatchObject({ left: 0 });
    expect(await get(url, "/shipping/desk")).toMatchObject({ shipped: 500 });
    await expect.poll(async () => (await get(url, "/letters")).length).toBe(5);
  });

  test("where some of all orders fail at each step, nothing is lost and nothing appears", {
    timeout: 60_000,
  }, async () => {
    await using orders = system(failing(friendlyPartners(), { share: 0.1, seed: "42" }));
    const { url } = await orders.run();
    const ids = await Promise.all(
      Array.from({ length: 60 }, (_, i) => order(url, { sku: i % 2 === 0 ? "lamp" : "desk" })),
    );
    const ends = await Promise.all(ids.map((id) => settled(url, id)));
    const cancelled = ends.filter(({ progress }) => progress === "cancelled");
    expect(cancelled.length).toBeGreaterThan(0);
    for (const [sku, total] of [
      ["lamp", 1_001_000],
      ["desk", 500],
    ] as const) {
      await expect.poll(() => get(url, `/inventory/${sku}`)).toMatchObject({ reserved: 0 });
      const { onHand } = await get(url, `/inventory/${sku}`);
      const { left } = await get(url, `/stock/${sku}`);
      const { shipped } = await get(url, `/shipping/${sku}`);
      expect(onHand + left + shipped).toBe(total);
      expect(shipped).toBe(ends.filter((end) => end.sku === sku && end.progress === "shipped").length);
    }
    await expect.poll(async () => (await get(url, "/letters?limit=100")).length).toBe(cancelled.length);
  });
}

function systemOf({ as, broker, databaseUrl }: ScenarioOptions) {
  return (partners = friendlyPartners()) =>
    installation({ as, transport: broker(), partners, databaseUrl: databaseUrl?.() });
}

function withoutInstance({ status, body }: { readonly status: number; readonly body: any }): unknown {
  const { instance: _, ...rest } = body;
  return { status, ...rest };
}
