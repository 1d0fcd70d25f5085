import type { Kysely } from "kysely";
import { type Fault, type Saga, type Store, saga } from "warren";
import { z } from "zod";
import { inventory } from "../inventory/contract.ts";
import { line, orderId } from "../line.ts";
import { patiently, soon } from "../retry.ts";
import { shipping } from "../shipping/contract.ts";
import { stock } from "../stock/contract.ts";
import { advance, type OrdersTables } from "./book.ts";
import { orders } from "./contract.ts";

const input = z.object({ orderId, ...line });

export type Fulfilment = Saga<z.input<typeof input>, undefined>;

/**
 * An order's way, from top to bottom, in one place: what choreography has in the `on` of four services. Its id is the order's.
 *
 * A step that failed may have happened all the same, when it was the answer that was lost. So each has an undo that bears
 * both, and what comes after there is no way back has to succeed, and is tried for hours.
 */
export function fulfilment(store: Store<Kysely<OrdersTables>>): Fulfilment {
  return saga("fulfilment", { input, uses: { orders, inventory, stock, shipping }, store, retry: soon })
    .step("order", {
      do: () => undefined,
      async undo({ input: { orderId }, db, emit, error }) {
        const reason = reasonOf(error);
        if (await advance(db, orderId, "cancelled", reason))
          await emit(orders.events.cancelled, { orderId, reason });
      },
    })
    .step("reserve", {
      async do({ input, call, db }) {
        const { missing } = await call.inventory.reserve(input);
        await advance(db, input.orderId, missing === 0 ? "reserved" : "replenishing");
        return { missing };
      },
      undo: ({ input: { orderId }, call }) => call.inventory.release({ orderId }),
    })
    .step("replenish", {
      async do({ input, done, call }) {
        return done.reserve.missing === 0 ? undefined : call.stock.replenish(input);
      },
      async undo({ input: { orderId }, done, call, completed }) {
        // What is known to have come is on the shelf, and stays there for the next who wants it.
        if (done.reserve.missing > 0 && !completed) await call.stock.takeBack({ orderId });
      },
    })
    .step("receive", {
      retry: patiently,
      async do({ input, done, call, db }) {
        if (done.replenish === undefined) return;
        await call.inventory.receive({ ...input, ...done.replenish });
        await advance(db, input.orderId, "reserved");
      },
    })
    .step("ship", {
      do: ({ input, call }) => call.shipping.ship(input),
      undo: ({ input: { orderId }, call }) => call.shipping.callOff({ orderId }),
    })
    .step("handOver", {
      retry: patiently,
      async do({ input: { orderId }, call, db }) {
        await call.inventory.handOver({ orderId });
        await advance(db, orderId, "shipped");
      },
    })
    .finish();
}

/** What a customer is told. */
function reasonOf({ code, data }: Fault): string {
  if (code !== "REFUSED") return "something is out of order here";
  return (data as { readonly reason: string }).reason;
}
