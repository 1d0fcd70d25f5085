import type { IncomingMessage, ServerResponse } from "node:http";
import type { Logger } from "../log.ts";
import { type SideServer, sideServer } from "../side-server.ts";

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
): Promise<SideServer> {
  let reading: Promise<string> | undefined;
  const readOnce = (): Promise<string> => {
    reading ??= read().finally(() => {
      reading = undefined;
    });
    return reading;
  };
  const server = await sideServer({
    ...address,
    answer: (request, response) => void answer(request, response, readOnce, log),
    refused: (error) => explained(error, address),
    failed: (err) => log.warn({ err }, "the server of /metrics failed"),
  });
  return { ...server, url: `${server.url}/metrics` };
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
