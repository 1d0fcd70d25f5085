import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { wholeNumber } from "../whole-number.ts";
import { alive, type Health, type HealthDocument, healthDocument } from "./health.ts";

/** What is asked: an app. */
export interface Probed {
  health(): Promise<Health>;
  onStopped(run: () => unknown): void;
}

export interface HealthServerOptions {
  /** 0 for any that is free. */
  readonly port: number;
  /** Kubernetes asks from outside: `"0.0.0.0"`. @default "127.0.0.1" */
  readonly host?: string;
}

export interface HealthServer {
  /** `http://127.0.0.1:8081`, without a path. */
  readonly url: string;
  readonly port: number;
  /** Idempotent. */
  close(): Promise<void>;
}

/** A probe is a line or two, and sent at once. */
const limits = {
  requestTimeout: 5_000,
  headersTimeout: 5_000,
  keepAliveTimeout: 5_000,
  connectionsCheckingInterval: 1_000,
  maxHeaderSize: 8_192,
};
const maxConnections = 200;

/**
 * Answers probes on a port of its own: `/health/live` while the process answers at all, `/health/ready` with 200 or 503 as
 * `App.health` says. Call it before `start`, so that a process that starts slowly is seen to. Ends with the app, after all
 * else, or by `close`; does not keep the process by itself.
 * @throws Error where the port is taken or cannot be had, TypeError for one that is none
 */
export async function serveHealth(app: Probed, options: HealthServerOptions): Promise<HealthServer> {
  const { host = "127.0.0.1" } = options;
  const port = wholeNumber("serveHealth: `port`", options.port, Number.NaN, 0, 65_535);
  const server = createServer(limits, (request, response) => void answer(app, request, response));
  server.maxConnections = maxConnections;
  server.on("connection", (socket) => socket.unref());
  await listening(server, host, port);
  // A connection that could not be taken, as for want of file descriptors, is a probe without an answer, and not the end.
  server.on("error", () => {});
  server.unref();
  let closing: Promise<void> | undefined;
  const close = (): Promise<void> => {
    closing ??= new Promise((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
    return closing;
  };
  app.onStopped(close);
  const { port: got } = server.address() as AddressInfo;
  return { url: `http://${host.includes(":") ? `[${host}]` : host}:${got}`, port: got, close };
}

function listening(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", (cause: NodeJS.ErrnoException) => {
      const why = {
        EADDRINUSE: "it is in use; choose another, or 0 for any that is free",
        EACCES: "this user may not listen on it; choose one above 1023",
        EADDRNOTAVAIL: "the host is no address of this machine",
      }[cause.code ?? ""];
      reject(new Error(`serveHealth: port ${port} at ${host}: ${why ?? cause.message}`, { cause }));
    });
    server.listen({ host, port }, resolve);
  });
}

async function answer(app: Probed, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const [path] = (request.url ?? "").split("?", 1);
  const isProbe = path === "/health/live" || path === "/health/ready";
  const document = !isProbe
    ? undefined
    : path === "/health/live"
      ? alive
      : await app.health().then(healthDocument, () => unknown);
  // Nobody sends a body with a probe, and nobody reads one here.
  const hasBody =
    request.headers["transfer-encoding"] !== undefined || Number(request.headers["content-length"]) > 0;
  if (hasBody) response.setHeader("connection", "close");
  if (document === undefined)
    return end(request, response, 404, { error: "There is nothing at this address." });
  if (request.method === "GET" || request.method === "HEAD")
    return end(request, response, statusOf(document), document);
  response.setHeader("allow", "GET, HEAD");
  return end(request, response, 405, { error: `This address takes GET and HEAD, not ${request.method}.` });
}

/** An app's health never rejects; what else is probed may. */
const unknown: HealthDocument = { status: "unavailable", reason: "it is not known", checks: {} };

function statusOf({ status }: HealthDocument): 200 | 503 {
  return status === "ok" ? 200 : 503;
}

function end(request: IncomingMessage, response: ServerResponse, status: number, body: object): void {
  const text = JSON.stringify(body);
  response.writeHead(status, {
    "content-type": "application/json; charset=utf-8",
    "content-length": Buffer.byteLength(text),
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
  });
  response.end(request.method === "HEAD" ? undefined : text);
}
