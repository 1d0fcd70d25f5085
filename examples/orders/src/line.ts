import { z } from "zod";

/** A text that every database keeps: PostgreSQL has none with U+0000, and UTF-8 none with half a character. */
export const text = z
  .string()
  .refine(
    (given) => given.isWellFormed() && !given.includes("\0"),
    "must be well-formed, and without U+0000",
  );

/** What is asked about: it need not be sold here. */
export const sku = text.max(40);

/** Which order a message is about. In every one of them. */
export const orderId = z.string().max(64);

/** What is ordered. An order that does not say gets one lamp. */
export const line = {
  sku: text.trim().min(1).max(40).default("lamp"),
  quantity: z.int().min(1).max(1_000).default(1),
};

export interface Line {
  readonly orderId: string;
  readonly sku: string;
  readonly quantity: number;
}
