import { contract, rpc } from "warren";
import { z } from "zod";
import { orderId } from "../line.ts";

const letter = z.object({ orderId, text: z.string(), at: z.iso.datetime() });

/** What customers are told. */
export const letters = contract("letters", {
  methods: {
    latest: rpc({
      http: "GET /letters",
      summary: "The latest letters to customers, the newest first",
      input: z.object({ limit: z.int().min(1).max(1_000).default(20) }),
      output: z.array(letter),
      idempotent: true,
    }),
  },
});
