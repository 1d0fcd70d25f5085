import type { FastifyInstance } from "fastify";
import type { App } from "warren";
import { httpServer } from "warren/gateway";

/** The edge: every route comes from a contract. */
export async function ordersGateway(app: App): Promise<FastifyInstance> {
  const server = await httpServer(app, { docs: { title: "Orders", version: "0.1.0" } });
  server.get("/", async (_request, reply) => reply.redirect("/docs"));
  return server;
}
