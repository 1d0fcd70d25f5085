import { type InvalidCode, invalid } from "../contract/schema.ts";
import { Fault } from "../fault.ts";
import type { Incoming } from "../message.ts";
import type { Codec } from "./codec.ts";

/**
 * A value as the body of a message; `what` names it where it cannot be one.
 * @throws Fault TOO_LARGE beyond `maxBytes`; `code` for a value that the codec has no bytes for, such as a cycle
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
    const message = `it cannot be encoded as ${codec.contentType}: ${String((cause as Error).message)}`;
    throw invalid(code, what, [{ path: "", message }]);
  }
}

/** The value in the body of a message. @throws Fault BAD_MESSAGE for bytes that the codec cannot read */
export function decoded(codec: Codec, { type, body }: Incoming): unknown {
  try {
    return codec.decode(body);
  } catch (cause) {
    throw new Fault(
      "BAD_MESSAGE",
      { type },
      {
        message: `A message of type ${type} cannot be decoded as ${codec.contentType}: ${String((cause as Error).message)}`,
        cause,
      },
    );
  }
}
