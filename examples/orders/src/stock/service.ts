import type { Kysely } from "kysely";
import { type Service, type Store, service } from "warren";
import type { As } from "../as.ts";
import { inventory } from "../inventory/contract.ts";
import type { Line } from "../line.ts";
import type { Partner } from "../partner.ts";
import { soon } from "../retry.ts";
import { shipping } from "../shipping/contract.ts";
import { stock } from "./contract.ts";
import { leftOf, type StockTables, send, takeBack } from "./depot.ts";

export interface StockOptions {
  readonly as: As;
  readonly store: Store<Kysely<StockTables>>;
  /** Whoever drives the goods from the depot to the shelf. */
  readonly haulier: Partner;
}

/** Fills up shelves from the depot. */
export function stockService({ as, store, haulier }: StockOptions): Service<typeof stock> {
  async function deliver(
    db: Kysely<StockTables>,
    line: Line,
  ): Promise<{ delivered: number } | { refused: string }> {
    const answer = await haulier.ask(line);
    if ("refused" in answer) return answer;
    const delivered = await send(db, line);
    return delivered > 0 ? { delivered } : { refused: `no "${line.sku}" is left in the depot` };
  }

  return service(stock, {
    uses: { inventory, shipping },
    store,
    retry: soon,
    methods: {
      left: async ({ sku }, { db }) => ({ sku, left: await leftOf(db, sku) }),
      async replenish(line, { db, fail }) {
        const outcome = await deliver(db, line);
        if ("refused" in outcome) throw fail.REFUSED({ reason: outcome.refused });
        return outcome;
      },
      takeBack: ({ orderId }, { db }) => takeBack(db, orderId),
    },
    on:
      as === "saga"
        ? {}
        : {
            "inventory.short": {
              emits: ["replenished", "failed"],
              async run({ missing: _, ...line }, { db, emit }) {
                const outcome = await deliver(db, line);
                if ("delivered" in outcome) await emit.replenished({ ...line, ...outcome });
                else await emit.failed({ orderId: line.orderId, reason: outcome.refused });
              },
              gaveUp: ({ orderId }, { emit, error }) => emit.failed({ orderId, reason: error.message }),
              // What came for an order that is not shipped stays on the shelf, for the next who wants it.
              undo: { "shipping.failed": () => undefined },
            },
          },
  });
}
