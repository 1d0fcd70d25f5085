import type { IncomingMessage, ServerResponse } from "node:http";
import { type SideServer, sideServer } from "../side-server.ts";
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

/** `url` is `http://127.0.0.1:8081`, without a path. */
export type HealthServer = SideServer;

/**
 * Answers probes on a port of its own: `/health/live` while the process answers at all, `/health/ready` with 200 or 503 as
 * `App.health` says. Call it before `start`, so that a process that starts slowly is seen to. Ends with the app, after all
 * else, or by `close`; does not keep the process by itself.
 * @throws Error where the port is taken or cannot be had, TypeError for one that is none
 */
export async function serveHealth(app: Probed, options: HealthServerOptions): Promise<HealthServer> {
  const { host = "127.0.0.1" } = options;
  const port = wholeNumber("serveHealth: `port`", options.port, Number.NaN, 0, 65_535);
  const server = await sideServer({
    ...{ port, host },
    answer: (request, response) => void answer(app, request, response),
    refused: (error) => refusal(error, host, port),
    // A probe without an answer.
    failed() {},
  });
  app.onStopped(server.close);
  return server;
}

function refusal(cause: NodeJS.ErrnoException, host: string, port: number): Error {
  const why = {
    EADDRINUSE: "it is in use; choose another, or 0 for any that is free",
    EACCES: "this user may not listen on it; choose one above 1023",
    EADDRNOTAVAIL: "the host is no address of this machine",
  }[cause.code ?? ""];
  return new Error(`serveHealth: port ${port} at ${host}: ${why ?? cause.message}`, { cause });
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
