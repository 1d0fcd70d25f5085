import type { Service } from "warren";
import { sqlite } from "warren/sqlite";
import { inventoryService } from "./inventory/service.ts";
import { lettersService } from "./letters/service.ts";
import { ordersService } from "./orders/service.ts";
import { friendlyPartners } from "./partner.ts";
import { shippingService } from "./shipping/service.ts";
import { stockService } from "./stock/service.ts";

// What `npx warren map` and `npx warren docs` look at: the choreography. Nothing is opened and nothing is run.
const store = sqlite<never>();
const as = "choreography";
const { counter, haulier, carrier } = friendlyPartners();

export const services: readonly Service[] = [
  ordersService({ store }),
  inventoryService({ as, store, counter }),
  stockService({ as, store, haulier }),
  shippingService({ as, store, carrier }),
  lettersService(store),
];
