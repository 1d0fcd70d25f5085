import { type Service, service } from "warren";
import { market } from "./contract.ts";
import type { Items } from "./items.ts";

/** The market, on the items it is given. */
export function marketService(items: Items): Service<typeof market> {
  return service(market, {
    methods: {
      items: (page) => items.list(page),

      async item({ id }, { fail }) {
        const item = await items.find(id);
        if (item === undefined) throw fail.ITEM_NOT_FOUND({ id });
        return item;
      },

      sell: ({ title, priceCents }, { principal }) =>
        items.add({ title, priceCents, seller: principal.subject }),

      async buy({ id }, { fail, emit, log }) {
        const item = await items.take(id);
        if (item === undefined) throw fail.ITEM_NOT_FOUND({ id });
        const { title, priceCents, seller: sellerId } = item;
        try {
          await emit.sold({ itemId: id, title, priceCents, sellerId });
        } catch (error) {
          // A sale that the seller will never hear of is none: the item is offered again and the buyer told that it
          // failed. What remains: a broker that took the event and could not say so (the seller hears of a sale that
          // was called off), and a process killed right here (a sale nobody hears of).
          log.warn({ itemId: id }, "the sale could not be announced and is called off");
          await items.release(id);
          throw error;
        }
        return { ok: true };
      },
    },
  });
}
