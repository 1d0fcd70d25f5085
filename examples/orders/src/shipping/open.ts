import type { OpenPart, PartOptions } from "../part.ts";
import { openTables } from "../store/open.ts";
import { shippingService } from "./service.ts";
import { type ShippingTables, shippingSchema } from "./shipments.ts";

export async function openShipping({ as, place, partners }: PartOptions): Promise<OpenPart> {
  const store = await openTables<ShippingTables>(place, { name: "shipping", schema: shippingSchema });
  return { service: shippingService({ as, store, carrier: partners.carrier }) };
}
