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
  /** How many channels were switched to confirms. */
  readonly confirming: number;
  /** The user names and passwords that connections logged in with, in their order. */
  readonly logins: readonly string[];
  /** The new passwords that connections sent. */
  readonly secrets: readonly string[];
  /** How it answers a new password from now on: takes it, or ends the connection as a broker does that refuses. */
  onSecret(answer: "take" | "refuse"): void;
}

const methods = {
  start: 0x000a000a,
  tune: 0x000a001e,
  open: 0x000a0028,
  openOk: 0x000a0029,
  close: 0x000a0032,
  closeOk: 0x000a0033,
  updateSecret: 0x000a0046,
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
  let confirmChannels = 0;
  const logins: string[] = [];
  const secrets: string[] = [];
  let secretAnswer: "take" | "refuse" = "take";

  function answer(socket: Socket, channel: number, method: number, args: Buffer): void {
    if (method === methods.start + 1) logins.push(loginIn(args));
    if (method === methods.updateSecret) {
      secrets.push(args.subarray(4, 4 + args.readUInt32BE(0)).toString());
      if (secretAnswer === "take") send(socket, 0, methods.updateSecret + 1);
      else socket.write(refusal());
    }
    const state = confirming.get(socket);
    if (method === methods.open) send(socket, 0, methods.openOk, Buffer.from([0]));
    else if (method === methods.close) send(socket, 0, methods.closeOk);
    else if (method === methods.channelOpen) send(socket, channel, method + 1, Buffer.alloc(4));
    else if (method === methods.confirmSelect) {
      confirmChannels++;
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
          const args = rest.subarray(11, 7 + size);
          rest = rest.subarray(8 + size);
          if (type !== 1) continue;
          // After start-ok.
          if (method === methods.start + 1) send(socket, 0, methods.tune, tune);
          answer(socket, channel, method, args);
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
    get confirming() {
      return confirmChannels;
    },
    logins,
    secrets,
    onSecret(next) {
      secretAnswer = next;
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

/** Of start-ok: a table, the mechanism, and then what PLAIN says, "\0user\0password". */
function loginIn(args: Buffer): string {
  const mechanism = 4 + args.readUInt32BE(0);
  const response = mechanism + 1 + args[mechanism]!;
  const text = args.subarray(response + 4, response + 4 + args.readUInt32BE(response)).toString();
  return text.split("\0").slice(1).join(":");
}

/** connection.close 530, as RabbitMQ ends a connection whose new password it does not take. */
function refusal(): Buffer {
  const text = Buffer.from("NOT_ALLOWED - New secret was refused");
  return frame(
    0,
    methods.close,
    Buffer.concat([Buffer.from([530 >> 8, 530 & 255, text.length]), text, Buffer.alloc(4)]),
  );
}

function send(socket: Socket, channel: number, method: number, args: Buffer = Buffer.alloc(0)): void {
  socket.write(frame(channel, method, args));
}

function frame(channel: number, method: number, args: Buffer): Buffer {
  const bytes = Buffer.alloc(12 + args.length);
  bytes[0] = 1;
  bytes.writeUInt16BE(channel, 1);
  bytes.writeUInt32BE(4 + args.length, 3);
  bytes.writeUInt32BE(method, 7);
  args.copy(bytes, 11);
  bytes[bytes.length - 1] = 0xce;
  return bytes;
}
