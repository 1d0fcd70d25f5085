// Connections that nobody would ever close.
import { connect, type Socket } from "node:net";
import { onTestFinished, test } from "vitest";
import { push } from "../src/gateway/index.ts";
import { virtualClock } from "../src/testing/index.ts";
import { auth, probe, world } from "./gateway-world.ts";

/** A client that writes this and then neither writes nor hangs up. */
async function client(url: string, bytes: string): Promise<{ socket: Socket; closed: Promise<void> }> {
  const { hostname, port } = new URL(url);
  const socket = connect({ host: hostname, port: Number(port), allowHalfOpen: true });
  onTestFinished(() => void socket.destroy());
  const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
  socket.on("end", () => socket.end());
  socket.on("error", () => {});
  await new Promise<void>((resolve) => socket.write(bytes, () => resolve()));
  return { socket, closed };
}

const upgrade = (path: string): string =>
  `GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";

test("a server that closes waits neither for half a header nor for half a body", async () => {
  const clock = virtualClock();
  const edge = await world({ auth }, { clock });
  const url = await edge.listen();
  const seen = Promise.withResolvers<void>();
  edge.server.server.on("request", ({ method }) => method === "POST" && seen.resolve());
  const halfHeader = await client(url, "GET /value/null HTTP/1.1\r\nHo");
  const halfBody = await client(
    url,
    "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 50\r\n\r\n{",
  );
  await seen.promise;
  const closed = edge.server.close();
  const both = Promise.all([halfHeader.closed, halfBody.closed, closed]);
  for (let done = false; !done; ) {
    done = await Promise.race([both.then(() => true), clock.advance(5_000).then(() => false)]);
  }
  await edge.app.stop({ drainMs: 0 });
});

test("a connection that asks to become a WebSocket where there is none is not kept", async () => {
  const events = [push(probe.events.sold, { to: ({ sellerId }) => sellerId })];
  await using edge = await world({ auth, push: { events } });
  const url = await edge.listen();
  const asking = await Promise.all(
    ["/no-such-route", "/value/null"].map((path) => client(url, upgrade(path))),
  );
  for (const { socket } of asking) socket.resume();
  await Promise.all(asking.map(({ closed }) => closed));
}, 15_000);
