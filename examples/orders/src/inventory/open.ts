import { assortment } from "../assortment.ts";
import type { OpenPart, PartOptions } from "../part.ts";
import { openTables } from "../store/open.ts";
import { inventoryService } from "./service.ts";
import { type InventoryTables, inventorySchema, openShelves } from "./shelves.ts";

export async function openInventory({ as, place, partners }: PartOptions): Promise<OpenPart> {
  const store = await openTables<InventoryTables>(place, {
    name: "inventory",
    schema: inventorySchema,
    fill: (db) => openShelves(db, assortment),
    prefers: "postgres",
  });
  return { service: inventoryService({ as, store, counter: partners.counter }) };
}
