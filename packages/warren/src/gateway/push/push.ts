import type { Socket } from "node:net";
import websocket from "@fastify/websocket";
import type { FastifyInstance, FastifyRequest } from "fastify";
import { Fault, type Subscription } from "../../index.ts";
import type { Caller, Edge } from "../edge.ts";
import { type Hub, hub } from "./hub.ts";
import { requireKnownOrigin } from "./origin.ts";
import type { PushOptions, PushRule } from "./rule.ts";
import { serveSocket } from "./socket.ts";
import { streamEvents } from "./sse.ts";

/** How long a connection may ask to become a WebSocket without becoming one, in milliseconds. */
const upgradeWithinMs = 5_000;

/** Far above what is understood, so that whoever sends somewhat too much is told instead of cut off. */
const maxPayloadBytes = 64 * 1024;

/**
 * Server-sent events and WebSocket at one path, and the events of `push.events` to whom they are for.
 * @throws TypeError where callers cannot be known
 */
export async function addPush(instance: FastifyInstance, edge: Edge, options: PushOptions): Promise<void> {
  const { app } = edge;
  const {
    maxConnections = 10_000,
    heartbeatMs = 15_000,
    maxBufferedBytes = 256 * 1024,
    authorizeWithinMs = 10_000,
  } = options;
  if (edge.verify === undefined && edge.options.session?.principal === undefined)
    throw new TypeError(
      "push tells events to those who may see them: give the gateway `auth` (or `session.principal`).",
    );
  const clients = hub({ maxConnections, heartbeatMs }, app.clock, app.log);
  // Before the plugin's own hook, which ends connections without saying why.
  instance.addHook("preClose", async () => clients.close());
  if (!instance.hasDecorator("websocketServer"))
    await instance.register(websocket, {
      options: { maxPayload: maxPayloadBytes },
      // The connection is closed by then, with the code that fits.
      errorHandler: (error, socket) => {
        app.log.debug({ reason: error.message }, "a push connection failed");
        socket.close();
      },
    });
  // A socket that asks to become a WebSocket is out of Node's hands. Where a route outside this instance, or none at all,
  // has answered it otherwise, nobody would ever close it. One that becomes a WebSocket loses this limit.
  instance.server.on("upgrade", (_request, socket) => {
    (socket as Socket).setTimeout(upgradeWithinMs, () => socket.destroy());
  });
  const callers = new WeakMap<FastifyRequest, Caller>();
  const requireRoom = (): void => {
    if (!clients.full) return;
    const message = `${maxConnections} clients are connected already.`;
    throw new Fault("OVERLOADED", { limit: maxConnections }, { message });
  };
  instance.route({
    method: "GET",
    url: options.path ?? "/push",
    exposeHeadRoute: false,
    onRequest: async (request) => {
      requireKnownOrigin(request, edge.options.cors ?? []);
      requireRoom();
      const caller = await edge.caller(request);
      if (caller !== undefined) callers.set(request, caller);
      // A WebSocket may say who it is in its first message: browsers cannot set the header.
      if (caller === undefined && !/^websocket$/i.test(request.headers.upgrade ?? ""))
        throw new Fault("UNAUTHENTICATED", undefined, {
          message: "Say who you are: send a token as `Authorization: Bearer …`.",
        });
    },
    handler: (request, reply) => {
      const caller = callers.get(request);
      // Others may have come while the token was checked.
      requireRoom();
      if (caller !== undefined) streamEvents(reply, clients, caller, maxBufferedBytes);
    },
    // Not asynchronous: a message that came along with the upgrade would be missed.
    wsHandler: (socket, request) =>
      serveSocket(socket, request, callers.get(request), edge, clients, {
        maxBufferedBytes,
        authorizeWithinMs,
      }),
  });
  hearEvents(instance, edge, options.events, clients);
}

/** Subscribes once per event, from when the server is ready until it is closed. */
function hearEvents(
  instance: FastifyInstance,
  { app }: Edge,
  rules: readonly PushRule[],
  clients: Hub,
): void {
  const byEvent = Map.groupBy(rules, ({ event }) => event);
  let subscriptions: readonly Subscription[] = [];
  instance.addHook("onReady", async () => {
    subscriptions = await Promise.all(
      [...byEvent].map(([event, of]) =>
        app.subscribe(event, (data) => {
          for (const rule of of) tell(rule, data);
        }),
      ),
    );
  });
  instance.addHook("onClose", async () => {
    await Promise.all(subscriptions.map((subscription) => subscription.stop()));
  });
  const tell = (rule: PushRule, data: unknown): void => {
    try {
      clients.tell(rule, data);
    } catch (err) {
      // The other rules of this event shall be followed all the same.
      app.log.error({ event: rule.event.id, push: rule.name, err }, "a push rule failed");
    }
  };
}
