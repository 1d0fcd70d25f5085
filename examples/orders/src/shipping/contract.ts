import { contract, rpc } from "warren";
import { z } from "zod";
import { line, orderId, sku } from "../line.ts";

/** Hands what is reserved to a carrier. */
export const shipping = contract("shipping", {
  methods: {
    shipped: rpc({
      http: { route: "GET /shipping/:sku" },
      summary: "How many were shipped",
      input: z.object({ sku }),
      output: z.object({ sku: z.string(), shipped: z.int() }),
      idempotent: true,
    }),
    /** What a saga calls. */
    ship: rpc({
      input: z.object({ orderId, ...line }),
      output: z.object({ tracking: z.string() }),
      errors: {
        REFUSED: { status: 409, message: "The carrier refuses", data: z.object({ reason: z.string() }) },
      },
    }),
    /** The undo of it, as long as nothing was handed over. */
    callOff: rpc({ input: z.object({ orderId }) }),
  },
  events: {
    /** The seed's "order shipped!", which it never came to. */
    shipped: z.object({ orderId, ...line, tracking: z.string() }),
    failed: z.object({ orderId, reason: z.string() }),
  },
});
