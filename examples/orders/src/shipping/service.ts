import type { Kysely } from "kysely";
import { type Service, type Store, service } from "warren";
import type { As } from "../as.ts";
import { inventory } from "../inventory/contract.ts";
import type { Partner } from "../partner.ts";
import { soon } from "../retry.ts";
import { shipping } from "./contract.ts";
import { book, callOff, type ShippingTables, shippedOf } from "./shipments.ts";

export interface ShippingOptions {
  readonly as: As;
  readonly store: Store<Kysely<ShippingTables>>;
  readonly carrier: Partner;
}

/** Hands to a carrier what is put aside for an order. */
export function shippingService({ as, store, carrier }: ShippingOptions): Service<typeof shipping> {
  return service(shipping, {
    uses: { inventory },
    store,
    retry: soon,
    methods: {
      shipped: async ({ sku }, { db }) => ({ sku, shipped: await shippedOf(db, sku) }),
      async ship(line, { db, fail }) {
        const answer = await carrier.ask(line);
        if ("refused" in answer) throw fail.REFUSED({ reason: answer.refused });
        if (!(await book(db, line, answer.done))) throw fail.REFUSED({ reason: "it was called off" });
        return { tracking: answer.done };
      },
      callOff: ({ orderId }, { db }) => callOff(db, orderId),
    },
    on:
      as === "saga"
        ? {}
        : {
            "inventory.reserved": {
              emits: ["shipped", "failed"],
              async run(line, { db, emit }) {
                const { orderId } = line;
                const answer = await carrier.ask(line);
                if ("refused" in answer) return emit.failed({ orderId, reason: answer.refused });
                await book(db, line, answer.done);
                await emit.shipped({ ...line, tracking: answer.done });
              },
              gaveUp: ({ orderId }, { emit, error }) => emit.failed({ orderId, reason: error.message }),
            },
          },
  });
}
