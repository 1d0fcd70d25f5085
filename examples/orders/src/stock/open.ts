import { assortment } from "../assortment.ts";
import type { OpenPart, PartOptions } from "../part.ts";
import { openTables } from "../store/open.ts";
import { openDepot, type StockTables, stockSchema } from "./depot.ts";
import { stockService } from "./service.ts";

export async function openStock({ as, place, partners }: PartOptions): Promise<OpenPart> {
  const store = await openTables<StockTables>(place, {
    name: "stock",
    schema: stockSchema,
    fill: (db) => openDepot(db, assortment),
  });
  return { service: stockService({ as, store, haulier: partners.haulier }) };
}
