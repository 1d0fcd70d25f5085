import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";

/** What happens to the bytes: they pass, they vanish while the connections stay (half-open), or nobody listens. */
export type TcpProxyMode = "pass" | "blackhole" | "refuse";

/** `up` is from the client to the server, `down` the other way. */
export type TcpDirection = "up" | "down";

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
  /**
   * Lets through this many more bytes in one direction, of all connections together, and ends every connection with a
   * reset (RST) then: in the middle of a frame, if need be. Once; `undefined` takes it back. 0 cuts at the next byte.
   */
  cutAfter(direction: TcpDirection, bytes: number | undefined): void;
  /** How many bytes went through in this direction so far. */
  passed(direction: TcpDirection): number;
  /** Hands on every byte by itself, as a network may: whoever reads gets each frame in pieces. */
  split(on: boolean): void;
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
  let single = false;
  const passed = { up: 0, down: 0 };
  /** At how many passed bytes the connections end. */
  const end = { up: Number.POSITIVE_INFINITY, down: Number.POSITIVE_INFINITY };

  function accept(client: Socket): void {
    const upstream = connect({ host: target.host, port: target.port, noDelay: true });
    client.setNoDelay(true);
    const pair = { client, upstream };
    pairs.add(pair);
    const drop = (): void => {
      pairs.delete(pair);
      client.destroy();
      upstream.destroy();
    };
    forward("up", client, upstream, drop);
    forward("down", upstream, client, drop);
  }

  function forward(direction: TcpDirection, from: Socket, to: Socket, drop: () => void): void {
    from.on("data", (bytes) => {
      if (mode === "blackhole") return;
      const room = end[direction] - passed[direction];
      const last = bytes.length > room;
      const part = last ? bytes.subarray(0, room) : bytes;
      passed[direction] += part.length;
      if (last) {
        end[direction] = Number.POSITIVE_INFINITY;
        // A reset throws away what was not sent yet, so the other end has to have it first.
        from.pause();
        if (part.length === 0) cut();
        else to.write(part, () => cut());
      } else if (!write(to, part)) from.pause();
    });
    to.on("drain", () => from.resume());
    // In a black hole not even the end of a connection is heard of.
    from.on("close", () => mode !== "blackhole" && drop());
    from.on("error", () => {
      // "close" follows, and ends the pair; the error is what the test wanted.
    });
  }

  function write(to: Socket, bytes: Buffer): boolean {
    if (!single) return to.write(bytes);
    let free = true;
    // Without Nagle's algorithm each is a segment, and arrives as a chunk of its own, or nearly so.
    for (let at = 0; at < bytes.length; at++) free = to.write(bytes.subarray(at, at + 1));
    return free;
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
    cutAfter(direction, bytes) {
      end[direction] = bytes === undefined ? Number.POSITIVE_INFINITY : passed[direction] + bytes;
    },
    passed: (direction) => passed[direction],
    split(on) {
      single = on;
    },
    async close() {
      await refuse();
      cut();
    },
  };
}
