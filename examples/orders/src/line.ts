import { z } from "zod";

/** Which order a message is about. In every one of them. */
export const orderId = z.string().max(64);

/** What is ordered. An order that does not say gets one lamp. */
export const line = {
  sku: z.string().trim().min(1).max(40).default("lamp"),
  quantity: z.int().min(1).max(1_000).default(1),
};

export interface Line {
  readonly orderId: string;
  readonly sku: string;
  readonly quantity: number;
}
