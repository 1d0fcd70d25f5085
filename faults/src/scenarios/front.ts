import { type TcpProxy, tcpProxy } from "warren/testing";

/** A proxy in front of each node, and the addresses that lead through them. */
export interface Front {
  readonly proxies: readonly TcpProxy[];
  readonly urls: readonly string[];
}

export async function front(urls: readonly string[]): Promise<Front> {
  const proxies = await Promise.all(urls.map(proxyTo));
  return { proxies, urls: urls.map((url, i) => through(url, proxies[i]!)) };
}

function proxyTo(url: string): Promise<TcpProxy> {
  const { hostname, port } = new URL(url);
  return tcpProxy({ host: hostname, port: Number(port || 5672) });
}

function through(url: string, { host, port }: TcpProxy): string {
  const changed = new URL(url);
  changed.hostname = host;
  changed.port = String(port);
  return changed.href;
}
