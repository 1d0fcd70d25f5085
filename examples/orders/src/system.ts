import type { Example, System } from "warren-example-host";
import { type As, ways } from "./as.ts";
import { hints } from "./hints.ts";
import { inventory } from "./inventory/contract.ts";
import { letters } from "./letters/contract.ts";
import type { OrdersSystemOptions } from "./options.ts";
import { orders } from "./orders/contract.ts";
import { failing, friendlyPartners } from "./partner.ts";
import { placeOf } from "./place.ts";
import { shipping } from "./shipping/contract.ts";
import { stock } from "./stock/contract.ts";

/** Orders, put together: every service by name, and how each is opened with a database of its own. */
export function ordersSystem(options: OrdersSystemOptions): System {
  const { as, place } = options;
  return {
    title: "Orders",
    parts: {
      orders: {
        contract: orders,
        open: async () => (await import("./orders/open.ts")).openOrders(options),
      },
      inventory: {
        contract: inventory,
        open: async () => (await import("./inventory/open.ts")).openInventory(options),
      },
      stock: {
        contract: stock,
        open: async () => (await import("./stock/open.ts")).openStock(options),
      },
      shipping: {
        contract: shipping,
        open: async () => (await import("./shipping/open.ts")).openShipping(options),
      },
      letters: {
        contract: letters,
        open: async () => (await import("./letters/open.ts")).openLetters(options),
      },
    },
    // Events of one way are none of the other's.
    journalDir: place.dataDir,
    hints: ({ url, command }) => hints(url, as, command),
  };
}

/** As it is started from a command line. */
export const ordersExample: Example = {
  ways,
  variables: ["DATABASE_URL", "FAIL_SHARE"],
  system({ as: asked, dataDir, databaseUrl, failures }) {
    const as = asked as As;
    return ordersSystem({
      as,
      place: placeOf({ as, dataDir, databaseUrl }),
      partners: failing(friendlyPartners(), failures),
    });
  },
};
