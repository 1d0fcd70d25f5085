import { contract, rpc } from "warren";
import { z } from "zod";
import { line, orderId, sku } from "../line.ts";

/** The depot that shelves are filled up from. */
export const stock = contract("stock", {
  methods: {
    left: rpc({
      http: { route: "GET /stock/:sku" },
      summary: "How many the depot still has",
      input: z.object({ sku }),
      output: z.object({ sku: z.string(), left: z.int() }),
      idempotent: true,
    }),
    /** What a saga calls. */
    replenish: rpc({
      input: z.object({ orderId, ...line }),
      output: z.object({ delivered: z.int().positive() }),
      errors: {
        REFUSED: { status: 409, message: "Nothing can be sent", data: z.object({ reason: z.string() }) },
      },
    }),
    /** The undo of it, where it is not known what became of it. */
    takeBack: rpc({ input: z.object({ orderId }) }),
  },
  events: {
    /** What that order needs, and how many are on their way to the shelf: mostly more. */
    replenished: z.object({ orderId, ...line, delivered: z.int().positive() }),
    failed: z.object({ orderId, reason: z.string() }),
  },
});
