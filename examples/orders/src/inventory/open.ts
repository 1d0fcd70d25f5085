import { type OpenPart, openTables } from "warren-example-host";
import { assortment } from "../assortment.ts";
import type { OrdersSystemOptions } from "../options.ts";
import { inventoryService } from "./service.ts";
import { type InventoryTables, inventorySchema, openShelves } from "./shelves.ts";

export async function openInventory({ as, place, partners }: OrdersSystemOptions): Promise<OpenPart> {
  const store = await openTables<InventoryTables>(place, {
    name: "inventory",
    schema: inventorySchema,
    fill: (db) => openShelves(db, assortment),
    prefers: "postgres",
  });
  return { service: inventoryService({ as, store, counter: partners.counter }) };
}
