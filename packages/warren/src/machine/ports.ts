import { randomInt } from "node:crypto";
import { createServer } from "node:net";

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

/** The first of `count` ports from `first` on that nothing listens on. @throws Error where there is none */
export async function firstFreePort(
  first: number,
  taken: ReadonlySet<number> = new Set(),
  count = 200,
): Promise<number> {
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
