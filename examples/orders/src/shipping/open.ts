import type { Service } from "warren";
import type { PartOptions } from "../part.ts";
import { openTables } from "../store/open.ts";
import { shippingService } from "./service.ts";
import { type ShippingTables, shippingSchema } from "./shipments.ts";

export async function openShipping({ as, place, partners }: PartOptions): Promise<Service> {
  const store = await openTables<ShippingTables>(place, { name: "shipping", schema: shippingSchema });
  return shippingService({ as, store, carrier: partners.carrier });
}
