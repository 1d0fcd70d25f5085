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

/** A loopback port that the system picked: unlikely to be picked again soon. */
export function anyFreePort(): Promise<number> {
  return listenOnce(0);
}

/** The first free loopback port of `count` from `first` upwards. */
export async function firstFreePort(first: number, count = 200): Promise<number> {
  for (let port = first; port < first + count; port++) {
    if (await isPortFree(port)) return port;
  }
  throw new Error(
    `No free port on 127.0.0.1 between ${first} and ${first + count - 1}. Name one with --port.`,
  );
}

function listenOnce(port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(port, "127.0.0.1", () => {
      const address = server.address();
      const taken = typeof address === "object" && address !== null ? address.port : port;
      server.close(() => resolve(taken));
    });
  });
}
