import { randomUUID } from "node:crypto";
import type { Kysely } from "kysely";
import { type Emit, type Service, type Store, service } from "warren";
import { inventory } from "../inventory/contract.ts";
import { patiently } from "../retry.ts";
import { shipping } from "../shipping/contract.ts";
import { stock } from "../stock/contract.ts";
import { add, advance, find, latest, type OrdersTables } from "./book.ts";
import { type Order, orders } from "./contract.ts";
import type { Fulfilment } from "./fulfilment.ts";

export interface OrdersOptions {
  readonly store: Store<Kysely<OrdersTables>>;
  /** The whole way of an order. Without it, the services find it by what each of them does on events. */
  readonly fulfilment?: Fulfilment | undefined;
}

/** Takes orders, follows them, and cancels those that come to nothing. */
export function ordersService({ store, fulfilment }: OrdersOptions): Service<typeof orders> {
  return service(orders, {
    uses: { inventory, stock, shipping },
    store,
    retry: patiently,
    methods: {
      async create(input, { db, emit, begin }) {
        const progress = input.status === "open" ? "open" : "recorded";
        const order: Order = { id: randomUUID(), ...input, progress, reason: null };
        const { id, sku, quantity } = order;
        await add(db, order, Date.now());
        // The order is kept and on its way, or neither.
        if (progress === "recorded") return { status: "success", data: order };
        if (fulfilment === undefined) await emit.created({ orderId: id, sku, quantity });
        else await begin(fulfilment, { orderId: id, sku, quantity }, { id });
        return { status: "success", data: order };
      },
      list: async ({ limit }, { db }) => ({ status: "success", data: await latest(db, limit) }),
      async find({ id }, { db, fail }) {
        const order = await find(db, id);
        if (order === undefined) throw fail.ORDER_NOT_FOUND({ id });
        return { status: "success", data: order };
      },
    },
    on:
      fulfilment !== undefined
        ? {}
        : {
            "inventory.short": {
              emits: [],
              run: ({ orderId }, { db }) => advance(db, orderId, "replenishing"),
            },
            "inventory.reserved": {
              emits: [],
              run: ({ orderId }, { db }) => advance(db, orderId, "reserved"),
            },
            "shipping.shipped": { emits: [], run: ({ orderId }, { db }) => advance(db, orderId, "shipped") },
            "inventory.failed": { emits: ["cancelled"], run: cancel },
            "stock.failed": { emits: ["cancelled"], run: cancel },
            "shipping.failed": { emits: ["cancelled"], run: cancel },
          },
  });
}

async function cancel(
  { orderId, reason }: { readonly orderId: string; readonly reason: string },
  { db, emit }: { readonly db: Kysely<OrdersTables>; readonly emit: Emit<typeof orders> },
): Promise<void> {
  if (await advance(db, orderId, "cancelled", reason)) await emit.cancelled({ orderId, reason });
}
