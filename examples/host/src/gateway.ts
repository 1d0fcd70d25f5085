import type { FastifyInstance } from "fastify";
import type { App } from "warren";
import { httpServer } from "warren/gateway";
import type { Edge, System } from "./system.ts";
import { titleOf } from "./title.ts";
import { version } from "./version.ts";

export interface OpenGateway {
  readonly server: FastifyInstance;
  readonly close: () => Promise<void>;
}

/**
 * One gateway for all systems: the routes of their contracts, one page of reference, and what each of them adds.
 * @throws Error where two routes are the same
 * @throws TypeError where two systems say how callers prove who they are
 */
export async function openGateway(app: App, systems: readonly System[]): Promise<OpenGateway> {
  await using opened = new AsyncDisposableStack();
  const edges: Edge[] = [];
  for (const { edge } of systems) {
    const one = await edge?.();
    if (one === undefined) continue;
    if (one.close !== undefined) opened.defer(one.close);
    edges.push(one);
  }
  const [auth, otherAuth] = edges.flatMap((edge) => edge.auth ?? []);
  if (otherAuth !== undefined)
    throw new TypeError("Two systems say how callers prove who they are: one gateway can heed one of them.");
  const events = edges.flatMap(({ push = [] }) => push);
  const server = await httpServer(app, {
    docs: { title: titleOf(systems), version },
    ignoreTrailingSlash: true,
    ...(auth !== undefined && { auth }),
    ...(events.length > 0 && { push: { events } }),
  });
  opened.defer(() => server.close());
  for (const { addRoutes } of edges) addRoutes?.(server);
  const all = opened.move();
  return { server, close: () => all.disposeAsync() };
}
