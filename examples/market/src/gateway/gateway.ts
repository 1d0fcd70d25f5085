import type { FastifyInstance } from "fastify";
import type { App } from "warren";
import { httpServer, push } from "warren/gateway";
import type { Accounts } from "../accounts/accounts.ts";
import { addAccountRoutes } from "../accounts/routes.ts";
import { notifications } from "../notifications/contract.ts";

/** The edge of the market. Of the services it knows what `app.contracts` says, and nothing of any single route. */
export async function marketGateway(app: App, accounts: Accounts, secret: string): Promise<FastifyInstance> {
  const server = await httpServer(app, {
    auth: { secret },
    docs: { title: "Market", version: "0.1.0" },
    push: {
      events: [
        // `{"event":"notification","data":{"text":"…"}}`, to the clients whose token names that user, and to no other.
        push(notifications.events.posted, {
          name: "notification",
          to: ({ userId }) => userId,
          as: ({ text }) => ({ text }),
        }),
      ],
    },
  });
  addAccountRoutes(server, accounts, secret);
  server.get("/", async (_request, reply) => reply.redirect("/docs"));
  return server;
}
