import type { Socket } from "node:net";
import type { FastifyInstance, FastifyReply } from "fastify";
import type { Clock, Timer } from "../index.ts";

/** How long the others may hold up a server that closes, in milliseconds. */
const partingMs = 5_000;

/**
 * A server that closes finishes the requests it works on and tells their connections to end. It does not wait for those
 * who have only sent half a request, or do not read their answer: Node.js no longer enforces its own time limits then,
 * and a single such client would keep the process for ever.
 */
export function partWhenClosing(server: FastifyInstance, clock: Clock): void {
  const sockets = new Set<Socket>();
  const underway = new Set<FastifyReply>();
  let closing = false;
  let timer: Timer | undefined;

  function dismiss(): void {
    const answering = [...underway].filter(({ request, sent }) => request.raw.complete && !sent);
    const busy = new Set(answering.map(({ request }) => request.raw.socket));
    for (const socket of sockets) if (!busy.has(socket)) socket.destroy();
    timer = clock.after(partingMs, dismiss);
  }

  server.server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  });
  server.addHook("onRequest", async (_request, reply) => {
    underway.add(reply);
    reply.raw.once("close", () => underway.delete(reply));
  });
  server.addHook("onSend", async (_request, reply) => {
    if (closing) reply.header("connection", "close");
  });
  server.addHook("preClose", async () => {
    closing = true;
    timer = clock.after(partingMs, dismiss);
  });
  server.addHook("onClose", async () => timer?.cancel());
}
