import type { Service } from "warren";
import { assortment } from "../assortment.ts";
import type { PartOptions } from "../part.ts";
import { openTables } from "../store/open.ts";
import { openDepot, type StockTables, stockSchema } from "./depot.ts";
import { stockService } from "./service.ts";

export async function openStock({ as, place, partners }: PartOptions): Promise<Service> {
  const store = await openTables<StockTables>(place, {
    name: "stock",
    schema: stockSchema,
    fill: (db) => openDepot(db, assortment),
  });
  return stockService({ as, store, haulier: partners.haulier });
}
