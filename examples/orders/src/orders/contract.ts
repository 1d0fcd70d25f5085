import { contract, rpc } from "warren";
import { z } from "zod";
import { line, orderId, text } from "../line.ts";

/** How far an order has come. Only ever forwards; `shipped`, `cancelled` and `recorded` are ends. */
const progress = z.enum(["open", "replenishing", "reserved", "shipped", "cancelled", "recorded"]);

const orderInput = z.object({
  date: z.union([z.iso.date(), z.iso.datetime({ offset: true })], {
    error: 'use a date like "2026-07-01" or a time like "2026-07-01T12:00:00Z"',
  }),
  type: z.enum(["online", "store"]),
  desc: text.trim().min(1).max(1_000),
  /** `closed`: handed over already, in a store. It is kept, and nothing else happens. */
  status: z.enum(["open", "closed"]),
  ...line,
});

const order = z.object({
  id: orderId,
  ...orderInput.shape,
  progress,
  /** Why it was cancelled. */
  reason: z.string().nullable(),
});

export type Order = z.infer<typeof order>;
export type Progress = Order["progress"];

const envelope = <T extends z.ZodType>(data: T) => z.object({ status: z.literal("success"), data });

const ORDER_NOT_FOUND = {
  status: 404,
  message: "The specified order does not exist in the database",
  data: z.object({ id: z.string() }),
};

/** Orders, and what became of them. */
export const orders = contract("orders", {
  methods: {
    create: rpc({
      http: { route: "POST /order", invalidStatus: 400 },
      summary: "Takes an order: it is answered once the order is kept, and goes its way from there",
      input: orderInput,
      output: envelope(order),
    }),
    list: rpc({
      http: { route: "GET /order", invalidStatus: 400 },
      summary: "Orders, the newest first",
      input: z.object({ limit: z.int().min(1).max(1_000).default(100) }),
      output: envelope(z.array(order)),
      idempotent: true,
    }),
    find: rpc({
      http: { route: "GET /order/:id", invalidStatus: 404 },
      summary: "One order, with how far it has come",
      input: z.object({ id: text.max(200) }),
      output: envelope(order),
      errors: { ORDER_NOT_FOUND },
      idempotent: true,
    }),
  },
  events: {
    /** The seed's "order created!". */
    created: z.object({ orderId, ...line }),
    cancelled: z.object({ orderId, reason: z.string() }),
  },
});
