import { describe, expect, test } from "vitest";
import { z } from "zod";
import {
  type AnyContract,
  contract,
  mapMermaid,
  mapOf,
  mapText,
  rpc,
  type Service,
  type SystemMap,
  saga,
  service,
} from "../src/index.ts";
import { sqlite } from "../src/sqlite/index.ts";

const order = z.object({ orderId: z.string() });
const events = <const N extends string>(...names: N[]) =>
  Object.fromEntries(names.map((name) => [name, order])) as Record<N, typeof order>;

// The orders of seed 002: creation, then inventory, then replenishment or shipment; whoever fails has the rest undone.
const orders = contract("orders", {
  methods: { place: rpc({ input: order }) },
  events: events("placed", "cancelled"),
});
const inventory = contract("inventory", { events: events("reserved", "short", "failed") });
const stock = contract("stock", { events: events("replenished", "failed") });
const shipping = contract("shipping", { events: events("shipped", "failed") });

const store = sqlite();
const run = (): void => {};
/** Services are made of what a test wants to say of reactions; what they do matters nowhere. */
function react(of: AnyContract, uses: Record<string, AnyContract>, on: object, stored = true): Service {
  const methods = Object.fromEntries(Object.keys(of.methods).map((name) => [name, run]));
  return service(of, { uses, methods, on, ...(stored && { store }) } as never) as Service;
}

const failures = ["inventory.failed", "shipping.failed", "stock.failed"];
const onFailures = (handler: unknown) => Object.fromEntries(failures.map((id) => [id, handler]));

function seed(
  emits: boolean,
  undo: Record<string, unknown> = { "shipping.failed": run, "stock.failed": run },
) {
  const says = (...names: string[]) => (emits ? { emits: names } : {});
  return [
    react(
      orders,
      { inventory, stock, shipping },
      {
        "shipping.shipped": { run, ...says() },
        ...onFailures({ run, ...says("cancelled") }),
      },
    ),
    react(
      inventory,
      { orders, stock, shipping },
      {
        "orders.placed": { run, ...says("reserved", "short", "failed"), undo },
      },
    ),
    react(
      stock,
      { inventory, shipping },
      {
        "inventory.short": { run, ...says("replenished", "failed"), undo: { "shipping.failed": run } },
      },
    ),
    react(
      shipping,
      { inventory, stock },
      {
        "inventory.reserved": { run, ...says("shipped", "failed") },
        "stock.replenished": { run, ...says("shipped", "failed") },
      },
    ),
  ];
}

const messages = ({ warnings }: SystemMap) => warnings.map(({ message }) => message);
const heard = [orders.events.cancelled];

describe("the map of the orders", () => {
  test("says who emits what, who reacts, who undoes what on which event", () => {
    const map = mapOf(seed(true), { heard });
    expect(mapText(map)).toBe(`inventory
  on orders.placed emits inventory.failed, inventory.reserved, inventory.short
    undone on shipping.failed, stock.failed
  may call orders

orders
  answers place
  on inventory.failed emits orders.cancelled
  on shipping.failed emits orders.cancelled
  on shipping.shipped
  on stock.failed emits orders.cancelled

shipping
  on inventory.reserved emits shipping.failed, shipping.shipped
  on stock.replenished emits shipping.failed, shipping.shipped

stock
  on inventory.short emits stock.failed, stock.replenished
    undone on shipping.failed

events
  inventory.failed   → orders
  inventory.reserved → shipping
  inventory.short    → stock
  orders.cancelled   → beside services
  orders.placed      → inventory
  shipping.failed    → orders, undoes inventory on orders.placed, undoes stock on inventory.short
  shipping.shipped   → orders
  stock.failed       → orders, undoes inventory on orders.placed
  stock.replenished  → shipping
`);
    expect(map.warnings).toEqual([]);
  });

  test("is a flowchart in Mermaid's words", () => {
    const lines = mapMermaid(mapOf(seed(true), { heard })).split("\n");
    expect(lines[0]).toBe("flowchart LR");
    expect(lines).toContain('  service_orders["orders"]');
    expect(lines).toContain('  event_orders_placed(["orders.placed"])');
    expect(lines).toContain("  service_orders --> event_orders_placed");
    expect(lines).toContain('  service_shipping -->|"on stock.replenished"| event_shipping_failed');
    expect(lines).toContain("  event_inventory_short --> service_stock");
    expect(lines).toContain('  event_stock_failed -.->|"undoes orders.placed"| service_inventory');
    expect(lines).toContain("  service_inventory -.->|may call| service_orders");
    expect(lines).toContain("  event_orders_cancelled --> beside_services");
    expect(lines).toContain("  class event_shipping_failed,event_stock_failed failure");
  });

  test("is the same whatever the order of the services", () => {
    const [one, other] = [mapOf(seed(true), { heard }), mapOf(seed(true).reverse(), { heard })];
    expect(other).toEqual(one);
    expect(mapMermaid(other)).toBe(mapMermaid(one));
  });

  test("warns of the reaction that a later failure leaves as it is, and shows the way there", () => {
    expect(messages(mapOf(seed(true, { "stock.failed": run }), { heard }))).toEqual([
      "inventory on orders.placed changes its store and is not undone on shipping.failed: " +
        "orders.placed → inventory → inventory.reserved → shipping → shipping.failed.",
    ]);
  });

  test("without `emits` it has no other warning than that it may go round in circles", () => {
    const warnings = messages(mapOf(seed(false), { heard }));
    expect(warnings).toEqual([
      expect.stringMatching(
        /^\S+ may lead back to itself: .*\. Whether it can happen, `emits` would say: .*orders on /,
      ),
    ]);
    expect(messages(mapOf(seed(false, { "stock.failed": run }), { heard }))).toContainEqual(
      expect.stringMatching(
        /^inventory on orders\.placed .* not undone on shipping\.failed: .* `emits` would say: inventory on orders\.placed; shipping on /,
      ),
    );
  });
});

const a = contract("a", { events: events("one", "two", "failed") });
const b = contract("b", { events: events("one", "two", "failed") });
const c = contract("c", { events: events("one", "failed") });
const kinds = ({ warnings }: SystemMap) => warnings.map(({ kind, events: ids }) => [kind, ...ids].join(" "));

describe("reactions whose later failure nobody undoes", () => {
  const chain = (first: object, stored = true) => [
    react(b, { a, c }, { "a.one": { run, emits: ["one"], ...first } }, stored),
    react(c, { b }, { "b.one": { run, emits: ["failed"] } }),
    react(a, { c, b }, { "c.failed": run, "b.two": { run, emits: [], undo: { "c.failed": run } } }),
  ];
  const notUndone = (services: Service[]) =>
    kinds(mapOf(services)).filter((text) => text.startsWith("not-undone"));

  test("are those with a store on the way to an event that something is undone on", () => {
    expect(notUndone(chain({}))).toEqual(["not-undone a.one b.one c.failed"]);
  });
  test("are not those without a store", () => {
    expect(notUndone(chain({}, false))).toEqual([]);
  });
  test("are not those that have an undo for it", () => {
    expect(notUndone(chain({ undo: { "c.failed": run } }))).toEqual([]);
  });
  test("are not those that do not lead there", () => {
    expect(notUndone(chain({ emits: ["two"] }))).toEqual([]);
  });
  test("are not those whose service reacts to the failure", () => {
    const [first, ...others] = chain({});
    const on = { ...(first!.definition.on as object), "c.failed": { run, emits: [] } };
    expect(notUndone([react(b, { a, c }, on), ...others])).toEqual([]);
  });
  test("are not those of the service that fails", () => {
    const failing = react(
      c,
      { a, b },
      {
        "a.one": { run, emits: ["one"] },
        "b.one": { run, emits: ["failed"] },
      },
    );
    const asking = react(b, { a, c }, { "c.one": { run, emits: ["one"] } }, false);
    const undoing = react(a, { b, c }, { "b.two": { run, emits: [], undo: { "c.failed": run } } });
    expect(notUndone([failing, asking, undoing])).toEqual([]);
  });
  test("are not those that only lead there through another failure", () => {
    const services = [
      react(a, { b }, { "b.two": { run, emits: ["one"], undo: { "b.failed": run } } }),
      react(b, { a }, { "a.one": { run, emits: ["failed"] } }),
      react(
        c,
        { b, a },
        { "b.failed": { run, emits: ["failed"] }, "b.one": { run, undo: { "c.failed": run } } },
      ),
    ];
    expect(notUndone(services)).toEqual([]);
  });
});

describe("cycles", () => {
  const cycles = (services: Service[]) => kinds(mapOf(services)).filter((text) => text.includes("cycle"));

  test("are found where reactions say so, each once and by its shortest way", () => {
    const services = [
      react(a, { b, c }, { "b.one": { run, emits: ["one"] }, "c.one": { run, emits: ["two"] } }),
      react(b, { a }, { "a.one": { run, emits: ["one"] }, "a.two": { run, emits: ["two"] } }),
      react(c, { a, b }, { "a.one": { run, emits: [] }, "b.one": { run, emits: ["one"] } }),
    ];
    expect(cycles(services)).toEqual(["cycle b.one a.one"]);
  });
  test("of one reaction are found, and not assumed", () => {
    expect(cycles([react(a, {}, { "a.one": { run, emits: ["one"] } })])).toEqual(["cycle a.one"]);
    expect(cycles([react(a, {}, { "a.one": run })])).toEqual([]);
  });
  test("are only possible where a reaction on the way does not say what it emits", () => {
    const there = react(b, { a }, { "a.one": { run, emits: ["one"] } });
    expect(cycles([there, react(a, { b }, { "b.one": run })])).toEqual(["possible-cycle b.one a.one"]);
    expect(cycles([there, react(a, { b }, { "b.one": { run, emits: ["two"] } })])).toEqual([]);
  });
  test("are not made of what undoes: that is done once", () => {
    const services = [
      react(a, { b }, { "b.two": { run, emits: ["one"], undo: { "b.one": run } } }),
      react(b, { a }, { "a.one": { run, emits: ["one"] } }),
    ];
    expect(cycles(services)).toEqual([]);
  });
});

describe("events that nobody takes, and that nobody emits", () => {
  const lone = (map: SystemMap) => messages(map).filter((text) => /nobody|never/.test(text));

  test("are named, except those that something beside services hears", () => {
    const services = [
      react(c, {}, {}),
      react(b, { c }, { "c.one": { run, emits: ["one", "two", "failed"] } }),
    ];
    expect(lone(mapOf(services, { heard: [b.events.one, b.events.two, b.events.failed] }))).toEqual([
      "c.failed is taken by nobody.",
      "c.one is waited for by b and never emitted: no reaction of c says that it emits it, and it has no methods or schedules.",
    ]);
  });
  test("an event to undo on that no reaction emits is one", () => {
    const services = [
      react(a, { b, c }, { "b.one": { run, emits: [], undo: { "b.failed": run } } }),
      react(b, { orders }, { "orders.placed": { run, emits: ["one"] } }),
      react(orders, {}, {}),
    ];
    expect(lone(mapOf(services))).toContain(
      "b.failed is waited for by a and never emitted: no reaction of b says that it emits it, and it has no methods or schedules.",
    );
  });
  test("those of a service that is not there are named, unless it is known to run elsewhere", () => {
    const services = [react(c, { a }, { "a.one": { run, emits: ["one"] } })];
    expect(lone(mapOf(services, { heard: [c.events.one, c.events.failed] }))).toEqual([
      "a.one is waited for by c and never emitted: a is not among these services.",
    ]);
    expect(lone(mapOf(services, { heard: [c.events.one, c.events.failed], elsewhere: [a] }))).toEqual([]);
  });
});

test("calls are certain where a contract has no other use, and possible where its events are heard, too", () => {
  const services = [
    react(orders, {}, {}),
    react(c, { orders }, {}),
    react(b, { orders }, { "orders.placed": run }),
  ];
  const map = mapOf(services);
  expect(map.services.map(({ name, calls }) => [name, calls])).toEqual([
    ["b", [{ to: "orders", certain: false }]],
    ["c", [{ to: "orders", certain: true }]],
    ["orders", []],
  ]);
});

test("calls of a saga are certain where its contract has no events that it may emit", () => {
  const plain = contract("plain", { methods: { ask: rpc() } });
  const work = saga("work", { input: order, uses: { orders, plain }, store }).finish();
  expect(mapOf([], { sagas: [work] }).sagas.map(({ calls }) => calls)).toEqual([
    [
      { to: "orders", certain: false },
      { to: "plain", certain: true },
    ],
  ]);
});

test("names that look alike in Mermaid are nodes of their own", () => {
  const one = contract("x-y", { events: { z: order } });
  const other = contract("x", { events: { y_z: order } });
  const lines = mapMermaid(mapOf([react(one, {}, {}), react(other, {}, {})]));
  expect(lines).toContain('event_x_y_z(["x-y.z"])');
  expect(lines).toContain('event_x_y_z_2(["x.y_z"])');
});

test("two services of one contract are refused", () => {
  expect(() => mapOf([react(a, {}, {}), react(a, {}, {})])).toThrow('implement the contract "a"');
});
