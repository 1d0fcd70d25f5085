import type { OpenPart } from "warren-example-host";
import { openItems } from "./items.ts";
import { marketService } from "./service.ts";

/** The market on its data in `dataDir`. */
export async function openMarket(dataDir: string): Promise<OpenPart> {
  const items = await openItems(dataDir);
  return { service: marketService(items), close: items.close };
}
