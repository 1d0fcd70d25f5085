import { type InvalidCode, invalid } from "../contract/schema.ts";
import { Fault } from "../fault.ts";
import type { Incoming } from "../message.ts";
import { type Codec, NotEncodable } from "./codec.ts";
import { isPlain, unpacked } from "./compression.ts";
import type { Reading } from "./reading.ts";

/**
 * A value as the body of a message; `what` names it where it cannot be one.
 * @throws Fault TOO_LARGE beyond `maxBytes`; `code`, naming the path, for a value that the codec would not give back
 */
export function encoded(
  codec: Codec,
  value: unknown,
  what: string,
  maxBytes: number,
  code: InvalidCode,
): Uint8Array {
  const body = bytesOf(codec, value, what, code);
  if (body.length <= maxBytes) return body;
  throw new Fault(
    "TOO_LARGE",
    { bytes: body.length, limit: maxBytes },
    {
      message: `${what} is ${body.length} bytes; the limit is ${maxBytes} (maxMessageBytes of the transport).`,
    },
  );
}

function bytesOf(codec: Codec, value: unknown, what: string, code: InvalidCode): Uint8Array {
  try {
    return codec.encode(value);
  } catch (cause) {
    if (cause instanceof NotEncodable)
      throw invalid(code, what, [{ path: cause.path, message: cause.message }]);
    const message = `it cannot be encoded as ${codec.contentType}: ${String((cause as Error).message)}`;
    throw invalid(code, what, [{ path: "", message }]);
  }
}

/** What it takes to read a body. */
export type Encoded = Pick<Incoming, "type" | "contentType" | "contentEncoding" | "body">;

/**
 * The value in the body of a message, read by its content type. Synchronous, unless its codec has to be loaded first, or
 * its body is compressed.
 * @throws Fault BAD_MESSAGE for bytes, content types and content encodings that cannot be read; a promise rejects with it
 */
export function decoded(reading: Reading, message: Encoded): unknown | Promise<unknown> {
  const { contentType, contentEncoding, body } = message;
  const codec = reading.codec(contentType);
  if (codec === undefined || !isPlain(contentEncoding)) return decodedLater(reading, message);
  try {
    return codec.decode(body);
  } catch (cause) {
    throw unreadable(message, `be decoded as ${codec.contentType}`, cause);
  }
}

async function decodedLater(reading: Reading, message: Encoded): Promise<unknown> {
  const { contentType, contentEncoding, body } = message;
  let value: unknown;
  try {
    const codec = reading.codec(contentType) ?? (await reading.load(contentType!));
    const bytes = isPlain(contentEncoding) ? body : await unpacked(contentEncoding!, body, reading.maxBytes);
    value = codec.decode(bytes);
  } catch (cause) {
    throw unreadable(message, "be read", cause);
  }
  return value;
}

function unreadable({ type, contentType }: Encoded, what: string, cause: unknown): Fault {
  const message = `A message of type ${type} cannot ${what}: ${String((cause as Error).message)}`;
  return new Fault(
    "BAD_MESSAGE",
    { type, ...(contentType !== undefined && { contentType }) },
    { message, cause },
  );
}
