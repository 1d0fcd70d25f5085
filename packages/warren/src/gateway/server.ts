import { STATUS_CODES } from "node:http";
import { type FastifyInstance, fastify } from "fastify";
import type { App } from "../index.ts";
import { dress } from "./dress.ts";
import { edge, setEdge } from "./edge.ts";
import { codeOfStatus } from "./edge-fault.ts";
import { addRoutes } from "./gateway.ts";
import { addHealth, checkHealthPaths } from "./health.ts";
import { defaultBodyLimitBytes, type ServerOptions } from "./options.ts";
import { partWhenClosing } from "./parting.ts";
import { requestIdOf } from "./request-id.ts";
import { routesOf } from "./routes.ts";
import { answerError } from "./send-fault.ts";

/** How long a client may take to send a whole request, in milliseconds. */
const requestTimeoutMs = 60_000;

/**
 * A Fastify server that is a gateway and nothing else, until you add routes of your own: those too answer with problem documents.
 * `await server.listen({ port })` once the app has started; `await server.close()` takes no further connection, finishes the
 * requests under way, and tells connected clients to go elsewhere. Close it before you stop the app.
 * @throws TypeError as `gateway` does
 */
export async function httpServer(app: App, options: ServerOptions = {}): Promise<FastifyInstance> {
  const known = edge(app, options);
  const routes = routesOf(app.contracts);
  checkHealthPaths(options, routes, options.prefix);
  const server: FastifyInstance = fastify({
    logger: false,
    trustProxy: options.trustProxy ?? false,
    bodyLimit: options.bodyLimitBytes ?? defaultBodyLimitBytes,
    requestTimeout: requestTimeoutMs,
    routerOptions: {
      maxParamLength: 1_000,
      ignoreTrailingSlash: options.ignoreTrailingSlash ?? false,
    },
    // A request that still comes over an open connection is served; only the connection is not kept.
    return503OnClosing: false,
    genReqId: requestIdOf,
    frameworkErrors: (error, _request, reply) => void answerError(known, error, reply),
    clientErrorHandler: refuseUnreadable,
  });
  setEdge(server, known);
  partWhenClosing(server, app.clock);
  await dress(server, known, true);
  addHealth(server, app, options);
  await server.register(async (instance) => addRoutes(instance, known, routes), {
    prefix: options.prefix ?? "",
  });
  return server;
}

/** Answers bytes that are no HTTP request: there is neither a request nor a reply to work with. */
function refuseUnreadable(
  error: Error & { readonly code?: string },
  socket: import("node:net").Socket,
): void {
  if (error.code === "ECONNRESET" || !socket.writable) {
    socket.destroy();
    return;
  }
  const status =
    error.code === "ERR_HTTP_REQUEST_TIMEOUT" ? 408 : error.code === "HPE_HEADER_OVERFLOW" ? 431 : 400;
  const code = codeOfStatus(status);
  const title = STATUS_CODES[status]!;
  const body = JSON.stringify({
    type: `urn:warren:fault:${code}`,
    title,
    status,
    detail: "The request cannot be read.",
    code,
  });
  socket.end(
    `HTTP/1.1 ${status} ${title}\r\ncontent-type: application/problem+json; charset=utf-8\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
  );
}
