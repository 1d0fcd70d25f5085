import type { Kysely } from "kysely";
import { type Service, type Store, service } from "warren";
import type { As } from "../as.ts";
import { orders } from "../orders/contract.ts";
import type { Partner } from "../partner.ts";
import { patiently, soon } from "../retry.ts";
import { shipping } from "../shipping/contract.ts";
import { stock } from "../stock/contract.ts";
import { inventory } from "./contract.ts";
import { handOver, type InventoryTables, levelOf, receive, release, reserve } from "./shelves.ts";

export interface InventoryOptions {
  readonly as: As;
  readonly store: Store<Kysely<InventoryTables>>;
  /** Whoever looks whether the goods are really there. */
  readonly counter: Partner;
}

/** Puts goods aside for orders, has shelves filled up, and puts goods back when an order comes to nothing. */
export function inventoryService({ as, store, counter }: InventoryOptions): Service<typeof inventory> {
  return service(inventory, {
    uses: { orders, stock, shipping },
    store,
    retry: soon,
    methods: {
      async level({ sku }, { db, fail }) {
        const level = await levelOf(db, sku);
        if (level === undefined) throw fail.UNKNOWN_SKU({ sku });
        return { sku, ...level };
      },
      async reserve(line, { db, fail }) {
        const counted = await counter.ask(line);
        if ("refused" in counted) throw fail.REFUSED({ reason: counted.refused });
        const found = await reserve(db, line);
        if (found.outcome === "impossible") throw fail.REFUSED({ reason: found.reason });
        return { missing: found.outcome === "short" ? found.missing : 0 };
      },
      async receive({ delivered, ...line }, { db, fail }) {
        await receive(db, line.sku, delivered);
        const found = await reserve(db, line);
        if (found.outcome !== "reserved") throw fail.REFUSED({ reason: tooFew });
      },
      release: ({ orderId }, { db }) => release(db, orderId),
      handOver: ({ orderId }, { db }) => handOver(db, orderId),
    },
    on: (react) =>
      as === "saga"
        ? {}
        : {
            "orders.created": react({
              emits: ["reserved", "short", "failed"],
              async run(line, { db, emit }) {
                const { orderId } = line;
                const counted = await counter.ask(line);
                if ("refused" in counted) return emit.failed({ orderId, reason: counted.refused });
                const found = await reserve(db, line);
                if (found.outcome === "reserved") await emit.reserved(line);
                else if (found.outcome === "short") await emit.short({ ...line, missing: found.missing });
                else await emit.failed({ orderId, reason: found.reason });
              },
              gaveUp: ({ orderId }, { emit, error }) => emit.failed({ orderId, reason: error.message }),
              undo: {
                "stock.failed": ({ orderId }, { db }) => release(db, orderId),
                "shipping.failed": ({ orderId }, { db }) => release(db, orderId),
              },
            }),
            "stock.replenished": react({
              retry: patiently,
              emits: ["reserved"],
              async run({ delivered, ...line }, { db, emit }) {
                await receive(db, line.sku, delivered);
                const found = await reserve(db, line);
                if (found.outcome !== "reserved") throw new Error(`${line.orderId}: ${tooFew}`);
                await emit.reserved(line);
              },
              // The goods stay on the shelf, for the next who wants them.
              undo: { "shipping.failed": ({ orderId }, { db }) => release(db, orderId) },
            }),
            "shipping.shipped": {
              retry: patiently,
              emits: [],
              run: ({ orderId }, { db }) => handOver(db, orderId),
            },
          },
  });
}

const tooFew = "what was delivered is not enough";
