import type { Kysely } from "kysely";
import { type Service, type Store, service } from "warren";
import { orders } from "../orders/contract.ts";
import { letters } from "./contract.ts";
import { type LettersTables, latest, write } from "./outgoing.ts";

/** Tells customers that their order is cancelled. A letter is a row in a table here, and a line in the log. */
export function lettersService(store: Store<Kysely<LettersTables>>): Service<typeof letters> {
  return service(letters, {
    uses: { orders },
    store,
    methods: { latest: ({ limit }, { db }) => latest(db, limit) },
    on: {
      async "orders.cancelled"({ orderId, reason }, { db, log }) {
        const text = `We are sorry: your order ${orderId} is cancelled (${reason}).`;
        await write(db, orderId, text);
        log.info({ orderId, text }, "a letter to the customer");
      },
    },
  });
}
