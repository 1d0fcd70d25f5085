import { push } from "warren/gateway";
import type { Edge } from "warren-example-host";
import { openAccounts } from "../accounts/accounts.ts";
import { passwords } from "../accounts/passwords.ts";
import { addAccountRoutes } from "../accounts/routes.ts";
import { notifications } from "../notifications/contract.ts";

/** What the market puts at the edge. The routes of its services are not here: they come from the contracts. */
export function marketEdge(dataDir: string, secret: string): Edge {
  const accounts = openAccounts(dataDir, passwords());
  return {
    auth: { secret },
    push: [
      // `{"event":"notification","data":{"text":"…"}}`, to the clients whose token names that user, and to no other.
      push(notifications.events.posted, {
        name: "notification",
        to: ({ userId }) => userId,
        as: ({ text }) => ({ text }),
      }),
    ],
    addRoutes: (server) => addAccountRoutes(server, accounts, secret),
    close: accounts.close,
  };
}
