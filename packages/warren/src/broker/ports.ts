import { randomInt } from "node:crypto";
import { createServer } from "node:net";

/** Where the first private broker listens; RabbitMQ's own port is left to the machine's own. */
export const firstPort = 5673;

/** Whether nothing listens on this loopback port now. Another program may still take it before we do. */
export function isPortFree(port: number): Promise<boolean> {
  return listenOnce(port).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code === "EADDRINUSE" || error.code === "EACCES") return false;
      throw error;
    },
  );
}

/**
 * A free loopback port below those that systems give to outgoing connections: a node opens it seconds later, and
 * until then one of these could take it.
 */
export async function anyFreePort(): Promise<number> {
  for (;;) {
    const port = randomInt(26_000, 32_000);
    if (await isPortFree(port)) return port;
  }
}

/**
 * A port for each of the `missing` nodes: the ones from `wanted` upwards, which must be free, else the first free ones.
 * Nodes of a cluster that partly runs (`kept`) have their former ports again where they can.
 */
export async function choosePorts(
  missing: readonly number[],
  wanted: number | undefined,
  kept: readonly { readonly index: number; readonly port: number }[] = [],
): Promise<Map<number, number>> {
  const ports = new Map<number, number>();
  const taken = new Set(kept.map(({ port }) => port));
  for (const index of missing) {
    const former = kept.find((node) => node.index === index)?.port;
    if (former !== undefined && (await isPortFree(former))) ports.set(index, former);
    else if (wanted === undefined || kept.length > 0) ports.set(index, await firstFreePort(firstPort, taken));
    else if (await isPortFree(wanted + index - 1)) ports.set(index, wanted + index - 1);
    else
      throw new Error(
        `Port ${wanted + index - 1} on 127.0.0.1 is in use by another program. Name another with --port, or none to get a free one.`,
      );
    taken.add(ports.get(index)!);
  }
  return ports;
}

async function firstFreePort(first: number, taken: ReadonlySet<number>, count = 200): Promise<number> {
  for (let port = first; port < first + count; port++) {
    if (!taken.has(port) && (await isPortFree(port))) return port;
  }
  throw new Error(
    `No free port on 127.0.0.1 between ${first} and ${first + count - 1}. Name one with --port.`,
  );
}

function listenOnce(port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(port, "127.0.0.1", () => server.close(() => resolve()));
  });
}
