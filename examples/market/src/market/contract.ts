import { contract, rpc } from "warren";
import { z } from "zod";

const itemId = z.int().positive();

const item = z.object({
  id: itemId,
  title: z.string(),
  priceCents: z.int(),
  sold: z.boolean(),
  /** Who offers it: the subject of the token it was posted with. */
  seller: z.string(),
});

const ITEM_NOT_FOUND = { status: 404, message: "Item not found", data: z.object({ id: itemId }) };

/** What other services, the gateway and tests may know of the market. Importing it brings no database along. */
export const market = contract("market", {
  methods: {
    items: rpc({
      http: "GET /market/items",
      summary: "Items, the newest first; the last id as “before” gives the next page",
      input: z.object({ before: itemId.optional(), limit: z.int().min(1).max(100).default(50) }),
      output: z.array(item),
      idempotent: true,
    }),
    item: rpc({
      http: "GET /market/items/:id",
      summary: "One item",
      input: z.object({ id: itemId }),
      output: item,
      errors: { ITEM_NOT_FOUND },
      idempotent: true,
    }),
    sell: rpc({
      http: {
        route: "POST /market/items",
        reply: { status: 201, headers: { location: "/market/items/{id}" } },
      },
      summary: "Offers an item; the seller is who the token says",
      access: "authenticated",
      input: z.object({
        title: z.string().trim().min(1).max(200),
        priceCents: z.int().min(1).max(100_000_000),
      }),
      output: item,
    }),
    buy: rpc({
      http: "POST /market/buy/:id",
      summary: "Buys an item; one that is missing or sold cannot be found",
      input: z.object({ id: itemId }),
      output: z.object({ ok: z.literal(true) }),
      errors: { ITEM_NOT_FOUND },
    }),
  },
  events: {
    sold: z.object({ itemId, title: z.string(), priceCents: z.int(), sellerId: z.string() }),
  },
});
