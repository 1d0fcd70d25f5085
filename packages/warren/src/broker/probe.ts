import { connect } from "node:net";
import { type Clock, systemClock } from "../time.ts";

/** What a broker says about itself before anybody has logged in. */
export interface Greeting {
  readonly product: string;
  readonly version: string;
  /** RabbitMQ's is the name of the first node unless somebody changed it. */
  readonly clusterName: string;
}

const protocolHeader = Buffer.from("AMQP\0\0\x09\x01", "latin1");
/** A greeting is about 500 bytes; whoever sends more than this is no broker. */
const maxGreetingBytes = 65_536;

/**
 * Opens a connection, sends the AMQP 0-9-1 protocol header and reads `connection.start`. Resolves to `undefined`
 * when nobody listens, the other side is not an AMQP 0-9-1 broker, or it stays silent for `timeoutMs`.
 */
export function greet(
  host: string,
  port: number,
  timeoutMs = 2_000,
  clock: Clock = systemClock,
): Promise<Greeting | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    let received: Buffer = Buffer.alloc(0);
    const done = (greeting: Greeting | undefined): void => {
      timer.cancel();
      socket.destroy();
      resolve(greeting);
    };
    const timer = clock.after(timeoutMs, () => done(undefined));
    socket.once("connect", () => socket.write(protocolHeader));
    socket.once("error", () => done(undefined));
    socket.once("close", () => done(undefined));
    socket.on("data", (chunk) => {
      received = Buffer.concat([received, chunk]);
      const frame = readGreeting(received);
      if (frame !== "incomplete" || received.length > maxGreetingBytes) {
        done(frame === "incomplete" ? undefined : frame);
      }
    });
  });
}

/** Reads the `connection.start` frame at the start of `bytes`; `undefined` when it is something else. */
export function readGreeting(bytes: Buffer): Greeting | undefined | "incomplete" {
  if (bytes.length < 7) return "incomplete";
  const isMethodFrame = bytes[0] === 1 && bytes.readUInt16BE(1) === 0;
  if (!isMethodFrame) return undefined;
  const size = bytes.readUInt32BE(3);
  if (size > maxGreetingBytes) return undefined;
  if (bytes.length < 7 + size) return "incomplete";
  const payload = bytes.subarray(7, 7 + size);
  const isConnectionStart = size >= 10 && payload.readUInt16BE(0) === 10 && payload.readUInt16BE(2) === 10;
  if (!isConnectionStart) return undefined;
  const texts = readTexts(payload.subarray(10, 10 + payload.readUInt32BE(6)));
  return {
    product: texts.get("product") ?? "unknown",
    version: texts.get("version") ?? "unknown",
    clusterName: texts.get("cluster_name") ?? "",
  };
}

/** The text fields of an AMQP table. Stops at the first field of a kind that brokers do not use here. */
function readTexts(table: Buffer): Map<string, string> {
  const texts = new Map<string, string>();
  let at = 0;
  while (at + 2 < table.length) {
    const name = table.toString("utf8", at + 1, at + 1 + table[at]!);
    at += 1 + table[at]!;
    const kind = String.fromCharCode(table[at] ?? 0);
    at += 1;
    if (kind === "t") {
      at += 1;
    } else if ((kind === "S" || kind === "F") && at + 4 <= table.length) {
      const size = table.readUInt32BE(at);
      if (kind === "S") texts.set(name, table.toString("utf8", at + 4, at + 4 + size));
      at += 4 + size;
    } else {
      break;
    }
  }
  return texts;
}
