import type { Service } from "warren";
import type { PartOptions } from "../part.ts";
import { openTables } from "../store/open.ts";
import { type OrdersTables, ordersSchema } from "./book.ts";
import { ordersService } from "./service.ts";

export async function openOrders({ as, place }: PartOptions): Promise<Service> {
  const store = await openTables<OrdersTables>(place, {
    name: "orders",
    schema: ordersSchema,
    prefers: "postgres",
  });
  return ordersService({ as, store });
}
