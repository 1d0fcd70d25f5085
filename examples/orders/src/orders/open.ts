import { type OpenPart, openTables } from "warren-example-host";
import type { OrdersSystemOptions } from "../options.ts";
import { type OrdersTables, ordersSchema } from "./book.ts";
import { fulfilment } from "./fulfilment.ts";
import { ordersService } from "./service.ts";

export async function openOrders({ as, place }: OrdersSystemOptions): Promise<OpenPart> {
  const store = await openTables<OrdersTables>(place, {
    name: "orders",
    schema: ordersSchema,
    prefers: "postgres",
  });
  if (as === "choreography") return { service: ordersService({ store }) };
  const saga = fulfilment(store);
  return { service: ordersService({ store, fulfilment: saga }), sagas: [saga] };
}
