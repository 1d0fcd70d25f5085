import { type Contract, contract, type Sql, type Store } from "warren";
import { z } from "zod";

/** It announces what it changed, and `ledger` writes it down. */
export const till = contract("till", {
  events: { sold: z.object({ text: z.string(), sentAt: z.number() }) },
}) satisfies Contract;
export const ledger = contract("ledger", {}) satisfies Contract;

export interface Place {
  readonly kind: "sqlite" | "postgres";
  /** A file, or a URL. */
  readonly location: string;
  /** Whether handlers change something of their own, each in its own transaction. */
  readonly writes: boolean;
}

export async function storeAt({ kind, location }: Place): Promise<Store<Sql>> {
  if (kind === "sqlite") return (await import("warren/sqlite")).sqlite({ file: location });
  return (await import("warren/postgres")).postgres({ url: location, schema: "bench" });
}
