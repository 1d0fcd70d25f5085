import { type OpenPart, openTables } from "warren-example-host";
import { assortment } from "../assortment.ts";
import type { OrdersSystemOptions } from "../options.ts";
import { openDepot, type StockTables, stockSchema } from "./depot.ts";
import { stockService } from "./service.ts";

export async function openStock({ as, place, partners }: OrdersSystemOptions): Promise<OpenPart> {
  const store = await openTables<StockTables>(place, {
    name: "stock",
    schema: stockSchema,
    fill: (db) => openDepot(db, assortment),
  });
  return { service: stockService({ as, store, haulier: partners.haulier }) };
}
