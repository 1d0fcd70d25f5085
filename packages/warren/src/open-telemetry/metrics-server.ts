import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Logger } from "../log.ts";

export interface MetricsServer {
  /** Where it listens; with `localhost` where it listens on every address. */
  readonly url: string;
  close(): Promise<void>;
}

/** Nobody but a few Prometheus servers has business here, and each asks one thing. */
const limits = {
  maxHeaderSize: 8_192,
  headersTimeout: 5_000,
  requestTimeout: 5_000,
  connectionsCheckingInterval: 1_000,
};
const idleMs = 10_000;
const maxConnections = 200;
const contentType = "text/plain; version=0.0.4; charset=utf-8";

/**
 * Serves what `read` gives as `/metrics`, and nothing else. Those who ask at the same time get the same answer: they cost
 * one reading together. Does not keep the process alive.
 * @throws Error where it cannot listen, saying what to set
 */
export async function serveMetrics(
  address: { readonly port: number; readonly host: string | undefined },
  read: () => Promise<string>,
  log: Logger,
): Promise<MetricsServer> {
  let reading: Promise<string> | undefined;
  const readOnce = (): Promise<string> => {
    reading ??= read().finally(() => {
      reading = undefined;
    });
    return reading;
  };
  const server = createServer(limits, (request, response) => void answer(request, response, readOnce, log));
  server.maxConnections = maxConnections;
  // A reader that takes nothing is not waited for.
  server.setTimeout(idleMs);
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error) => reject(explained(error, address)));
    server.listen({ port: address.port, host: address.host }, resolve);
  });
  server.on("error", (err) => log.warn({ err }, "the server of /metrics failed"));
  server.unref();
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://${named(address.host)}:${port}/metrics`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  read: () => Promise<string>,
  log: Logger,
): Promise<void> {
  const say = (status: number, text: string, headers: Record<string, string> = {}): void => {
    response.writeHead(status, { "content-type": contentType, ...headers });
    response.end(request.method === "HEAD" ? undefined : text);
  };
  if (request.url?.replace(/\?.*$/, "") !== "/metrics") return say(404, "Metrics are at /metrics.\n");
  if (request.method !== "GET" && request.method !== "HEAD")
    return say(405, "Metrics are read with GET.\n", { allow: "GET, HEAD" });
  if (request.method === "HEAD") return say(200, "");
  try {
    say(200, await read());
  } catch (err) {
    log.error({ err }, "metrics could not be read");
    say(500, "Metrics could not be read; the log of this process says why.\n");
  }
}

/** A host as it stands in a URL. */
function named(host: string | undefined): string {
  if (host === undefined || host === "0.0.0.0" || host === "::") return "localhost";
  return host.includes(":") ? `[${host}]` : host;
}

function explained(
  error: NodeJS.ErrnoException,
  { port, host }: { readonly port: number; readonly host: string | undefined },
): Error {
  const where = host === undefined ? "" : ` on ${host}`;
  const what =
    error.code === "EADDRINUSE"
      ? `Port ${port}${where} is in use by another program, so /metrics cannot be served there. Each process of a machine needs a port of its own`
      : `/metrics cannot be served at port ${port}${where} (${error.message})`;
  return new Error(
    `${what}: set OTEL_EXPORTER_PROMETHEUS_PORT or the option \`port\` of startTelemetry to another one, 0 to any free one.`,
    { cause: error },
  );
}
