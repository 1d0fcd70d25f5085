import type { Example, System } from "warren-example-host";
import { tokenSecret } from "./accounts/secret.ts";
import { issueToken } from "./accounts/tokens.ts";
import { demoUser } from "./demo.ts";
import { hints } from "./hints.ts";
import { market } from "./market/contract.ts";
import { notifications } from "./notifications/contract.ts";
import { itemOnSale } from "./on-sale.ts";

export interface MarketOptions {
  readonly dataDir: string;
  /** What tokens are signed and checked with. Asked for where a gateway runs. */
  readonly secret: () => string;
}

/** The market, put together: a service is added here and nowhere else. */
export function marketSystem({ dataDir, secret }: MarketOptions): System {
  return {
    title: "Market",
    parts: {
      market: {
        contract: market,
        open: async () => (await import("./market/open.ts")).openMarket(dataDir),
      },
      notifications: {
        contract: notifications,
        open: async () => (await import("./notifications/open.ts")).openNotifications(dataDir),
      },
    },
    edge: async () => (await import("./gateway/edge.ts")).marketEdge(dataDir, secret()),
    async hints({ url, app, isPublic }) {
      const itemId = await itemOnSale(app);
      return hints({ url, itemId, demoToken: isPublic ? undefined : await issueToken(demoUser, secret()) });
    },
  };
}

/** As it is started from a command line. */
export const marketExample: Example = {
  variables: ["JWT_SECRET"],
  system: ({ dataDir, jwtSecret }) =>
    marketSystem({ dataDir, secret: () => jwtSecret ?? tokenSecret(dataDir) }),
};
