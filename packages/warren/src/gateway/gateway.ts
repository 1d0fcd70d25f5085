import type { FastifyInstance, FastifyPluginAsync } from "fastify";
import type { App } from "../index.ts";
import { addDocs } from "./docs.ts";
import { dress } from "./dress.ts";
import { type Edge, edge, edgeOf, setEdge } from "./edge.ts";
import { addHealth, checkHealthPaths } from "./health.ts";
import { inFlight } from "./in-flight.ts";
import { addMethodRoute } from "./method-route.ts";
import { defaultMaxInFlight, type GatewayOptions } from "./options.ts";
import { addPush } from "./push/push.ts";
import { type GatewayRoute, routesOf } from "./routes.ts";

/**
 * A Fastify plugin with a route for every method of the app's contracts that has an `http` binding. Other routes of the Fastify
 * app are not touched: error handling, parsers, headers and limits end at the plugin's border. Routes written by hand beside
 * it use `app.client(contract)`, `principalOf` and `sendFault`. Start the app before the server listens.
 *
 * Without a `prefix`, unknown paths (and known ones with another verb) are answered by the surrounding app.
 * @throws TypeError where two methods have the same route, a route cannot be understood, or a method needs a caller and no `auth` is given
 */
export function gateway(app: App, options: GatewayOptions = {}): FastifyPluginAsync {
  const known = edge(app, options);
  const routes = routesOf(app.contracts);
  checkHealthPaths(options, routes);
  const plugin: FastifyPluginAsync = async (host) => {
    if (edgeOf(host) === undefined) setEdge(host, known);
    await host.register(
      async (instance) => {
        setEdge(instance, known);
        await dress(instance, known, false);
        addHealth(instance, app, options);
        await addRoutes(instance, known, routes);
      },
      { prefix: options.prefix ?? "" },
    );
  };
  // The outer plugin is part of its host, so that routes beside it find the edge; everything else is encapsulated.
  return Object.assign(plugin, { [Symbol.for("skip-override")]: true });
}

/** The routes of a gateway, on an instance that is dressed for them. */
export async function addRoutes(
  instance: FastifyInstance,
  of: Edge,
  routes: readonly GatewayRoute[],
): Promise<void> {
  const { options } = of;
  const limit = inFlight(options.maxInFlight ?? defaultMaxInFlight);
  for (const route of routes) addMethodRoute(instance, of, route, limit);
  if (options.docs !== false) await addDocs(instance, of, routes, options.docs ?? {});
  if (options.push !== undefined) await addPush(instance, of, options.push);
}
