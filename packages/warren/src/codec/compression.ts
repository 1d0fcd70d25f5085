import { promisify } from "node:util";
import {
  brotliCompress,
  brotliDecompress,
  gunzip,
  gzip,
  type InputType,
  constants as zlib,
  zstdCompress,
  zstdDecompress,
} from "node:zlib";

export type ContentEncoding = "gzip" | "zstd" | "br";

export interface CompressionOptions {
  /** Bodies of more bytes than this are compressed, where that makes them smaller. @default 16_384 */
  readonly aboveBytes?: number;
  /** What to send; every one is read, always. @default "gzip" */
  readonly encoding?: ContentEncoding;
}

/** What bodies are compressed with; none at all where an app does not say so. */
export interface Compression {
  readonly aboveBytes: number;
  readonly encoding: ContentEncoding;
}

/** A body as it goes into a message. */
export interface Packed {
  readonly body: Uint8Array;
  readonly contentEncoding: ContentEncoding | undefined;
}

/** Fast rather than small: a message waits for it. Brotli's default is a hundred times slower than the others. */
const fast = { gzip: { level: 1 }, zstd: {}, br: { params: { [zlib.BROTLI_PARAM_QUALITY]: 3 } } };

const packers = {
  gzip: promisify<InputType, object, Buffer>(gzip),
  zstd: promisify<InputType, object, Buffer>(zstdCompress),
  br: promisify<InputType, object, Buffer>(brotliCompress),
};

const unpackers = {
  gzip: promisify<InputType, object, Buffer>(gunzip),
  zstd: promisify<InputType, object, Buffer>(zstdDecompress),
  br: promisify<InputType, object, Buffer>(brotliDecompress),
};

export const contentEncodings: readonly ContentEncoding[] = ["gzip", "zstd", "br"];

/** @throws TypeError for options that make no sense */
export function compressionOf(options: CompressionOptions | undefined): Compression | undefined {
  if (options === undefined) return undefined;
  const { aboveBytes = 16_384, encoding = "gzip" } = options;
  if (!Number.isSafeInteger(aboveBytes) || aboveBytes < 0)
    throw new TypeError(`compression: aboveBytes is ${aboveBytes}; use a whole number of at least 0.`);
  if (!contentEncodings.includes(encoding))
    throw new TypeError(`compression: encoding is "${encoding}"; use "gzip", "zstd" or "br".`);
  return { aboveBytes, encoding };
}

/** Most bodies go as they are. */
export function isLarge(compression: Compression | undefined, body: Uint8Array): compression is Compression {
  return compression !== undefined && body.length > compression.aboveBytes;
}

/** On another thread, so that nothing else waits for it. What would not become smaller stays as it is. */
export async function packed({ encoding }: Compression, body: Uint8Array): Promise<Packed> {
  const smaller = await packers[encoding](body, fast[encoding]);
  return smaller.length < body.length
    ? { body: smaller, contentEncoding: encoding }
    : { body, contentEncoding: undefined };
}

/** What some clients put there for bodies that are as they are. */
const plain: ReadonlySet<string> = new Set(["", "identity", "utf-8", "utf8", "binary"]);

/** Whether a body is as its codec made it. */
export function isPlain(contentEncoding: string | undefined): boolean {
  return contentEncoding === undefined || plain.has(contentEncoding.toLowerCase());
}

/** A few kilobytes can become a gigabyte, so no more than so many are made at the same time. */
const together = 4;
const lanes: Promise<unknown>[] = Array.from({ length: together }, () => Promise.resolve());
let next = 0;

/**
 * Takes no more memory than `maxBytes`, whatever the body claims.
 * @throws Error for an unknown encoding, bytes that are none of it, and what would be larger than `maxBytes`
 */
export function unpacked(contentEncoding: string, body: Uint8Array, maxBytes: number): Promise<Uint8Array> {
  const encoding = contentEncoding.toLowerCase();
  if (!isKnown(encoding))
    return Promise.reject(
      new Error(`its content encoding is "${contentEncoding}"; ${contentEncodings.join(", ")} are read`),
    );
  next = (next + 1) % together;
  const mine = lanes[next]!.then(() => unpackers[encoding](body, { maxOutputLength: maxBytes }));
  lanes[next] = mine.catch(() => undefined);
  return mine.catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "ERR_BUFFER_TOO_LARGE") throw error;
    throw new Error(`unpacked it is larger than ${maxBytes} bytes (maxMessageBytes of the transport)`);
  });
}

function isKnown(encoding: string): encoding is ContentEncoding {
  return (contentEncodings as readonly string[]).includes(encoding);
}
