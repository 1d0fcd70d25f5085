import { expect, it } from "vitest";
import { z } from "zod";
import { contract } from "../contract/contract.ts";
import { service } from "../service/service.ts";
import { sqlite } from "../sqlite/index.ts";

const order = z.object({ id: z.string() });
const orders = contract("orders", { events: { placed: order, cancelled: order } });
const stock = contract("stock", {});
const run = (): void => {};
const undo = { "orders.cancelled": run };

const define = (reaction: object, more: object = {}): (() => unknown) => {
  const definition = {
    uses: { orders },
    methods: {},
    store: sqlite(),
    on: { "orders.placed": reaction },
    ...more,
  };
  return () => service(stock, definition as never);
};

it("is refused where a reaction cannot be undone as it says", () => {
  const refused: [reaction: object, reason: string, more?: object][] = [
    [{ run, undo }, "give the service a store", { store: undefined }],
    [{ run, gaveUp: run }, "give the service a store", { store: undefined }],
    [{ run, undo, to: "every-instance" }, 'leave out "to"'],
    [{ run, key: () => "" }, "it has neither"],
    [{ run, undo, key: "id" }, "key is string"],
    [{ run, gaveUp: true }, "gaveUp is boolean"],
    [{ run, undo: {} }, "undo names no event"],
    [{ run, undo: run }, "undo names no event"],
    [{ run, undo: { "orders.cancelled": 7 } }, 'undo on "orders.cancelled" is number'],
    [{ run, undo: { "orders.shipped": run } }, 'undo on "orders.shipped", an event of no contract'],
    [{ run, undo: { "orders.placed": run } }, "cannot undo what is done on itself"],
  ];
  for (const [reaction, reason, more] of refused) {
    expect(define(reaction, more)).toThrow(TypeError);
    expect(define(reaction, more)).toThrow(reason);
    expect(define(reaction, more)).toThrow('Service "stock" on "orders.placed"');
  }
  expect(
    define({}, { on: { "orders.placed": { run, undo }, "orders.cancelled": { run, to: "every-instance" } } }),
  ).toThrow("to which every instance reacts");
});

it("is accepted as an object, and as a function that gets `react`", () => {
  expect(define({ run, undo, gaveUp: run, key: () => "a", inOrder: true })).not.toThrow();
  const made = service(stock, {
    uses: { orders },
    methods: {},
    store: sqlite(),
    on: (react) => ({ "orders.placed": react({ run: () => 7, undo: { "orders.cancelled": run } }) }),
  });
  expect(Object.keys(made.definition.on as object)).toEqual(["orders.placed"]);
});
