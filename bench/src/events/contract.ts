import { type Contract, contract } from "warren";
import { z } from "zod";

export const document = z.object({ text: z.string() });

/** It announces, and `ledger` listens. */
export const till = contract("till", { events: { sold: document } }) satisfies Contract;
export const ledger = contract("ledger", {}) satisfies Contract;
