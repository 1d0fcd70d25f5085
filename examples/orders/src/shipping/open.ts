import { type OpenPart, openTables } from "warren-example-host";
import type { OrdersSystemOptions } from "../options.ts";
import { shippingService } from "./service.ts";
import { type ShippingTables, shippingSchema } from "./shipments.ts";

export async function openShipping({ as, place, partners }: OrdersSystemOptions): Promise<OpenPart> {
  const store = await openTables<ShippingTables>(place, { name: "shipping", schema: shippingSchema });
  return { service: shippingService({ as, store, carrier: partners.carrier }) };
}
