import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** An HTTP server that listens. */
export interface SideServer {
  /** Without a path; with `localhost` where it listens on every address. */
  readonly url: string;
  readonly port: number;
  /** Cuts off whoever is connected. Idempotent. */
  close(): Promise<void>;
}

export interface SideServerOptions {
  /** 0 for any that is free. */
  readonly port: number;
  /** @default every address */
  readonly host: string | undefined;
  answer(request: IncomingMessage, response: ServerResponse): void;
  /** What its user is told where it cannot listen. */
  refused(error: NodeJS.ErrnoException): Error;
  /** Later: a connection that could not be taken, as for want of file descriptors. That is not its end. */
  failed(error: Error): void;
}

/** Nobody but probes and Prometheus has business here: each asks one thing in a line or two, and at once. */
const limits = {
  requestTimeout: 5_000,
  headersTimeout: 5_000,
  keepAliveTimeout: 5_000,
  connectionsCheckingInterval: 1_000,
  maxHeaderSize: 8_192,
};
const maxConnections = 200;
/** A reader that takes nothing is not waited for. */
const idleMs = 10_000;

/** A server beside the work of a process: bounded in all it takes, and nothing that keeps the process alive. */
export async function sideServer(options: SideServerOptions): Promise<SideServer> {
  const { host, answer, refused, failed } = options;
  const server = createServer(limits, answer);
  server.maxConnections = maxConnections;
  server.setTimeout(idleMs);
  server.on("connection", (socket) => socket.unref());
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error) => reject(refused(error)));
    server.listen({ port: options.port, host }, resolve);
  });
  server.on("error", failed);
  server.unref();
  const { port } = server.address() as AddressInfo;
  let closing: Promise<void> | undefined;
  return {
    url: `http://${named(host)}:${port}`,
    port,
    close() {
      closing ??= new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      });
      return closing;
    },
  };
}

/** A host as it stands in a URL. */
function named(host: string | undefined): string {
  if (host === undefined || host === "0.0.0.0" || host === "::") return "localhost";
  return host.includes(":") ? `[${host}]` : host;
}
