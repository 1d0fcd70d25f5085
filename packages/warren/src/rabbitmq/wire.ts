import { Fault } from "../fault.ts";
import type { Headers, HeaderValue, Outgoing } from "../message.ts";
import type { Clock } from "../time.ts";

/**
 * Encodes the three methods that are sent per message (publish, ack, reject) and hands the socket one write per tick.
 * amqplib's own path makes four buffers, two stream hops and one socket write for each message, which is most of what
 * a call costs this process; everything else is rare and stays amqplib's.
 */
export interface FrameWriter {
  /**
   * @throws Error when a property is longer than AMQP allows; nothing is written then
   * @throws Fault TOO_LARGE when the headers exceed a frame
   */
  publish(channel: number, message: Outgoing, messageId: string | undefined): void;
  ack(channel: number, tag: number, multiple: boolean): void;
  reject(channel: number, tag: number, requeue: boolean): void;
  /** Runs before the next flush, which it causes: what it writes leaves with it. */
  beforeFlush(run: () => void): void;
  /** Writes now what would be written at the end of the tick. */
  flush(): void;
}

const chunkBytes = 64 * 1024;
/** Larger bodies are handed to the socket as they are; below, copying is cheaper than another buffer to write. */
const copiedBodyBytes = 8 * 1024;
/** Type, channel and size before the payload, the end mark after it. */
const frameBytes = 8;
const endMark = 0xce;

export function frameWriter(
  clock: Clock,
  frameMax: number,
  write: (parts: Uint8Array[]) => void,
): FrameWriter {
  let chunk = Buffer.allocUnsafeSlow(chunkBytes);
  let start = 0;
  let at = 0;
  let parts: Uint8Array[] = [];
  let due: (() => void)[] = [];
  let scheduled = false;

  function flush(): void {
    scheduled = false;
    if (due.length > 0) {
      const runs = due;
      due = [];
      for (const run of runs) run();
      scheduled = false;
    }
    cut();
    if (parts.length === 0) return;
    const ready = parts;
    parts = [];
    write(ready);
  }

  function schedule(): void {
    if (scheduled) return;
    scheduled = true;
    clock.soon(ifScheduled);
  }

  /** A flush by hand in the meantime leaves nothing to do. */
  function ifScheduled(): void {
    if (scheduled) flush();
  }

  /** Ends the part of the chunk written so far, so that something else can follow it. */
  function cut(): void {
    if (at > start) parts.push(chunk.subarray(start, at));
    start = at;
  }

  function reserve(bytes: number): void {
    if (at + bytes <= chunk.length) return;
    cut();
    chunk = Buffer.allocUnsafeSlow(Math.max(chunkBytes, bytes));
    start = at = 0;
  }

  function u16(value: number): void {
    chunk[at++] = value >>> 8;
    chunk[at++] = value;
  }

  function u32(value: number, where: number): void {
    chunk[where] = value >>> 24;
    chunk[where + 1] = value >>> 16;
    chunk[where + 2] = value >>> 8;
    chunk[where + 3] = value;
  }

  function u64(value: number): void {
    u32(Math.floor(value / 2 ** 32), at);
    u32(value >>> 0, at + 4);
    at += 8;
  }

  function short(text: string, what: string): void {
    const length = text.length;
    const first = at++;
    for (let i = 0; i < length; i++) {
      const code = text.charCodeAt(i);
      if (code > 127 || length > 255) return wide(text, what, first);
      chunk[at++] = code;
    }
    chunk[first] = length;
  }

  function wide(text: string, what: string, first: number): void {
    const length = Buffer.byteLength(text);
    if (length > 255)
      throw new Error(`The ${what} of a message has ${length} bytes; AMQP allows 255: ${text.slice(0, 40)}…`);
    chunk[first] = length;
    at = first + 1 + chunk.write(text, first + 1);
  }

  function table(headers: Headers): void {
    const length = at;
    at += 4;
    for (const key in headers) {
      const value = headers[key];
      if (value === undefined || brokersOwn(key)) continue;
      short(key, "name of a header");
      field(value);
    }
    u32(at - length - 4, length);
  }

  function field(value: HeaderValue): void {
    if (typeof value === "string") {
      chunk[at] = 0x53; // S
      const length = chunk.write(value, at + 5);
      u32(length, at + 1);
      at += 5 + length;
    } else if (typeof value === "boolean") {
      chunk[at] = 0x74; // t
      chunk[at + 1] = value ? 1 : 0;
      at += 2;
    } else if (value === (value | 0) && !Object.is(value, -0)) {
      chunk[at] = 0x49; // I
      u32(value, at + 1);
      at += 5;
    } else if (Number.isSafeInteger(value) && value !== 0) {
      chunk[at] = 0x6c; // l
      at = chunk.writeBigInt64BE(BigInt(value), at + 1);
    } else if (Number.isFinite(value)) {
      chunk[at] = 0x64; // d
      at = chunk.writeDoubleBE(value, at + 1);
    } else {
      // RabbitMQ cannot read NaN and the infinities, and ends the connection for one.
      throw new TypeError("A header of a message is neither a string, a finite number nor a boolean.");
    }
  }

  /** Opens a frame and returns where it began; `close` fills in its size. */
  function open(type: number, channel: number): number {
    const first = at;
    chunk[at] = type;
    at += 1;
    u16(channel);
    at += 4;
    return first;
  }

  function close(first: number): void {
    u32(at - first - 7, first + 3);
    chunk[at++] = endMark;
  }

  function properties(message: Outgoing, messageId: string | undefined): void {
    const flagsAt = at;
    at += 2;
    let flags = 0x1000;
    if (message.contentType !== undefined) {
      flags |= 0x8000;
      short(message.contentType, "content type");
    }
    if (message.contentEncoding !== undefined) {
      flags |= 0x4000;
      short(message.contentEncoding, "content encoding");
    }
    if (message.headers !== undefined && hasAny(message.headers)) {
      flags |= 0x2000;
      table(message.headers);
    }
    chunk[at++] = message.persistent ? 2 : 1;
    if (message.correlationId !== undefined) {
      flags |= 0x0400;
      short(message.correlationId, "correlation id");
    }
    if (message.replyTo !== undefined) {
      flags |= 0x0200;
      short(message.replyTo, "reply address");
    }
    if (message.expirationMs !== undefined) {
      flags |= 0x0100;
      short(expiration(message.expirationMs), "expiration");
    }
    if (messageId !== undefined) {
      flags |= 0x0080;
      short(messageId, "message id");
    }
    if (message.timestampSeconds !== undefined) {
      flags |= 0x0040;
      u64(message.timestampSeconds);
    }
    if (message.type !== undefined) {
      flags |= 0x0020;
      short(message.type, "type");
    }
    if (message.appId !== undefined) {
      flags |= 0x0008;
      short(message.appId, "app id");
    }
    chunk[flagsAt] = flags >>> 8;
    chunk[flagsAt + 1] = flags;
  }

  function method(channel: number, message: Outgoing): void {
    const first = open(1, channel);
    u32(0x003c0028, at);
    at += 4;
    u16(0);
    short(message.exchange, "exchange");
    short(message.key, "key");
    chunk[at++] = message.mandatory ? 1 : 0;
    close(first);
  }

  function header(channel: number, message: Outgoing, messageId: string | undefined): void {
    const first = open(2, channel);
    u32(0x003c0000, at);
    at += 4;
    u64(message.body.length);
    properties(message, messageId);
    close(first);
    const bytes = at - first;
    if (bytes <= frameMax) return;
    throw new Fault(
      "TOO_LARGE",
      { bytes, limit: frameMax },
      { message: `The headers of a message take ${bytes} bytes; the broker takes ${frameMax} in one frame.` },
    );
  }

  function body(channel: number, bytes: Uint8Array): void {
    const most = frameMax - frameBytes;
    for (let from = 0; from < bytes.length; from += most) {
      const piece = bytes.length <= most ? bytes : bytes.subarray(from, from + most);
      reserve(frameBytes);
      chunk[at] = 3;
      at += 1;
      u16(channel);
      u32(piece.length, at);
      at += 4;
      if (bytes.length <= copiedBodyBytes) {
        chunk.set(piece, at);
        at += piece.length;
      } else {
        cut();
        parts.push(piece);
      }
      chunk[at++] = endMark;
    }
  }

  return {
    publish(channel, message, messageId) {
      const copied = message.body.length <= copiedBodyBytes ? message.body.length : 0;
      reserve(mostBytes(message, messageId) + copied + 2 * frameBytes);
      const begin = at;
      try {
        method(channel, message);
        header(channel, message, messageId);
      } catch (error) {
        at = begin;
        throw error;
      }
      body(channel, message.body);
      schedule();
    },
    ack(channel, tag, multiple) {
      reserve(32);
      const first = open(1, channel);
      u32(0x003c0050, at);
      at += 4;
      u64(tag);
      chunk[at++] = multiple ? 1 : 0;
      close(first);
      schedule();
    },
    reject(channel, tag, requeue) {
      reserve(32);
      const first = open(1, channel);
      u32(0x003c005a, at);
      at += 4;
      u64(tag);
      chunk[at++] = requeue ? 1 : 0;
      close(first);
      schedule();
    },
    beforeFlush(run) {
      due.push(run);
      schedule();
    },
    flush,
  };
}

/** RabbitMQ's own limit, 49 days. A larger one would cost the channel, and everything under way on it. */
const longestExpirationMs = 2 ** 32 - 1;

function expiration(milliseconds: number): string {
  if (milliseconds >= 0) return String(Math.floor(Math.min(milliseconds, longestExpirationMs)));
  throw new RangeError(
    `The expirationMs of a message is ${milliseconds}; it must be a number of at least 0.`,
  );
}

/** An upper bound for method and header, at three bytes of UTF-8 for each character. */
function mostBytes(message: Outgoing, messageId: string | undefined): number {
  let characters = message.exchange.length + message.key.length + (messageId?.length ?? 0);
  characters +=
    (message.contentType?.length ?? 0) + (message.type?.length ?? 0) + (message.appId?.length ?? 0);
  characters += (message.correlationId?.length ?? 0) + (message.replyTo?.length ?? 0);
  characters += message.contentEncoding?.length ?? 0;
  let bytes = 128 + 3 * characters;
  if (message.headers !== undefined) {
    for (const key in message.headers) {
      const value = message.headers[key];
      bytes += 16 + 3 * key.length + (typeof value === "string" ? 3 * value.length : 0);
    }
  }
  return bytes;
}

function hasAny(headers: Headers): boolean {
  for (const _ in headers) return true;
  return false;
}

/**
 * What the broker writes on delivery must not travel on with a message that is published again: RabbitMQ up to 3.13
 * reads old death records and drops the message as a loop, and CC and BCC would route it elsewhere.
 */
function brokersOwn(key: string): boolean {
  const first = key.charCodeAt(0);
  if (first === 0x78) return /^x-(death|first-death-|last-death-|delivery-count|acquired-count)/.test(key);
  return (first === 0x43 || first === 0x42) && (key === "CC" || key === "BCC");
}
