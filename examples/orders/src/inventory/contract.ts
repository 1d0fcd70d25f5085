import { contract, rpc } from "warren";
import { z } from "zod";
import { line, orderId, sku } from "../line.ts";

const REFUSED = { status: 409, message: "That cannot be put aside", data: z.object({ reason: z.string() }) };

/** What is on the shelves, and for whom. */
export const inventory = contract("inventory", {
  methods: {
    level: rpc({
      http: { route: "GET /inventory/:sku" },
      summary: "How many are on the shelf, and how many of them are reserved beside",
      input: z.object({ sku }),
      output: z.object({ sku: z.string(), onHand: z.int(), reserved: z.int() }),
      errors: {
        UNKNOWN_SKU: {
          status: 404,
          message: "No such thing is sold here",
          data: z.object({ sku: z.string() }),
        },
      },
      idempotent: true,
    }),
    // What a saga calls. Who calls with the same key again gets the same answer, and nothing is done twice.
    reserve: rpc({
      input: z.object({ orderId, ...line }),
      output: z.object({ missing: z.int() }),
      errors: { REFUSED },
    }),
    /** Takes goods from the depot, and puts aside of them what the order needs. */
    receive: rpc({
      input: z.object({ orderId, ...line, delivered: z.int().positive() }),
      errors: { REFUSED },
    }),
    release: rpc({ input: z.object({ orderId }) }),
    handOver: rpc({ input: z.object({ orderId }) }),
  },
  events: {
    /** Goods are put aside for an order: the seed's "ship order!". */
    reserved: z.object({ orderId, ...line }),
    /** There are too few: the seed's "stock replenish!". */
    short: z.object({ orderId, ...line, missing: z.int().positive() }),
    /** The seed's "order process error", here. */
    failed: z.object({ orderId, reason: z.string() }),
  },
});
