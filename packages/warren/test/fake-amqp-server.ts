import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { onTestFinished } from "vitest";

/** Says what a broker says that a real one cannot be made to say without disturbing everyone else on it. */
export interface FakeAmqpServer {
  readonly url: string;
  /** Messages it was sent on channels with confirms, counted as they come. */
  readonly received: number;
  /** Sent to every connection. */
  blocked(reason: string): void;
  unblocked(): void;
  /** Confirms everything received so far, on the connection it came on. */
  confirm(): void;
}

const methods = {
  start: 0x000a000a,
  tune: 0x000a001e,
  open: 0x000a0028,
  openOk: 0x000a0029,
  close: 0x000a0032,
  closeOk: 0x000a0033,
  blocked: 0x000a003c,
  unblocked: 0x000a003d,
  channelOpen: 0x0014000a,
  confirmSelect: 0x0055000a,
  publish: 0x003c0028,
  ack: 0x003c0050,
};

/** Ends with the test. Takes connections, channels, confirms and publishes. */
export async function fakeAmqpServer(): Promise<FakeAmqpServer> {
  const sockets = new Set<Socket>();
  const confirming = new Map<Socket, { channel: number; published: number }>();
  let received = 0;

  function answer(socket: Socket, channel: number, method: number): void {
    const state = confirming.get(socket);
    if (method === methods.open) send(socket, 0, methods.openOk, Buffer.from([0]));
    else if (method === methods.close) send(socket, 0, methods.closeOk);
    else if (method === methods.channelOpen) send(socket, channel, method + 1, Buffer.alloc(4));
    else if (method === methods.confirmSelect) {
      confirming.set(socket, { channel, published: 0 });
      send(socket, channel, method + 1);
    } else if (method === methods.publish && state?.channel === channel) {
      state.published++;
      received++;
    }
  }

  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    socket.on("error", () => {
      // "close" follows.
    });
    let rest = Buffer.alloc(0);
    socket.once("data", (header) => {
      rest = header.subarray(8);
      send(socket, 0, methods.start, start);
      socket.on("data", (bytes) => {
        rest = Buffer.concat([rest, bytes]);
        while (rest.length >= 7 && rest.length >= 8 + rest.readUInt32BE(3)) {
          const size = rest.readUInt32BE(3);
          const [type, channel, method] = [
            rest[0],
            rest.readUInt16BE(1),
            size >= 4 ? rest.readUInt32BE(7) : 0,
          ];
          rest = rest.subarray(8 + size);
          if (type !== 1) continue;
          // After start-ok.
          if (method === methods.start + 1) send(socket, 0, methods.tune, tune);
          answer(socket, channel, method);
        }
      });
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return {
    url: `amqp://127.0.0.1:${(server.address() as AddressInfo).port}`,
    get received() {
      return received;
    },
    blocked(reason) {
      const text = Buffer.from(reason);
      for (const socket of sockets) send(socket, 0, methods.blocked, Buffer.from([text.length, ...text]));
    },
    unblocked() {
      for (const socket of sockets) send(socket, 0, methods.unblocked);
    },
    confirm() {
      for (const [socket, { channel, published }] of confirming) {
        const args = Buffer.alloc(9);
        args.writeBigUInt64BE(BigInt(published));
        args[8] = 1;
        send(socket, channel, methods.ack, args);
      }
    },
  };
}

/** Version 0-9, no server properties, PLAIN, en_US. */
const start = Buffer.from([
  0,
  9,
  0,
  0,
  0,
  0,
  0,
  0,
  0,
  5,
  ...Buffer.from("PLAIN"),
  0,
  0,
  0,
  5,
  ...Buffer.from("en_US"),
]);
/** 100 channels, frames of 131,072 bytes, no opinion on heartbeats. */
const tune = Buffer.from([0, 100, 0, 2, 0, 0, 0, 0]);

function send(socket: Socket, channel: number, method: number, args: Buffer = Buffer.alloc(0)): void {
  const frame = Buffer.alloc(12 + args.length);
  frame[0] = 1;
  frame.writeUInt16BE(channel, 1);
  frame.writeUInt32BE(4 + args.length, 3);
  frame.writeUInt32BE(method, 7);
  args.copy(frame, 11);
  frame[frame.length - 1] = 0xce;
  socket.write(frame);
}
