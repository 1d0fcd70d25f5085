import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";

/** What happens to the bytes: they pass, they vanish while the connections stay (half-open), or nobody listens. */
export type TcpProxyMode = "pass" | "blackhole" | "refuse";

/** Stands between a client and a server on this machine and fails on request. */
export interface TcpProxy {
  readonly host: string;
  readonly port: number;
  /** How many clients are connected. */
  readonly connections: number;
  /** Also for connections that exist, except that `refuse` lets them pass on; see `cut`. Resolves when it holds. */
  set(mode: TcpProxyMode): Promise<void>;
  /** Ends every connection with a reset (RST). @returns how many */
  cut(): number;
  /** Cuts, and stops listening. */
  close(): Promise<void>;
}

/** Listens on a free port of the loopback interface. @throws the socket's error */
export async function tcpProxy(target: { readonly host: string; readonly port: number }): Promise<TcpProxy> {
  const host = "127.0.0.1";
  const pairs = new Set<{ client: Socket; upstream: Socket }>();
  let mode: TcpProxyMode = "pass";
  let server: Server | undefined;
  let port = 0;

  function accept(client: Socket): void {
    const upstream = connect({ host: target.host, port: target.port, noDelay: true });
    client.setNoDelay(true);
    const pair = { client, upstream };
    pairs.add(pair);
    const end = (): void => {
      pairs.delete(pair);
      client.destroy();
      upstream.destroy();
    };
    forward(client, upstream, end);
    forward(upstream, client, end);
  }

  function forward(from: Socket, to: Socket, end: () => void): void {
    from.on("data", (bytes) => {
      if (mode !== "blackhole" && !to.write(bytes)) from.pause();
    });
    to.on("drain", () => from.resume());
    // In a black hole not even the end of a connection is heard of.
    from.on("close", () => mode !== "blackhole" && end());
    from.on("error", () => {
      // "close" follows, and ends the pair; the error is what the test wanted.
    });
  }

  async function listen(): Promise<void> {
    if (server) return;
    server = createServer({ noDelay: true }, accept);
    server.listen(port, host);
    await once(server, "listening");
    port = (server.address() as AddressInfo).port;
  }

  async function refuse(): Promise<void> {
    // Not awaited: a server counts as closed only when its last connection is.
    server?.close();
    server = undefined;
  }

  function cut(): number {
    const all = [...pairs];
    pairs.clear();
    for (const { client, upstream } of all) {
      client.resetAndDestroy();
      upstream.resetAndDestroy();
    }
    return all.length;
  }

  await listen();
  return {
    host,
    get port() {
      return port;
    },
    get connections() {
      return pairs.size;
    },
    async set(next) {
      mode = next;
      await (next === "refuse" ? refuse() : listen());
    },
    cut,
    async close() {
      await refuse();
      cut();
    },
  };
}
