import { deserialize, serialize, setInternalBufferSize } from "bson";
import type { Codec } from "../codec/codec.ts";
import { refuseForbiddenKeys } from "../codec/forbidden-keys.ts";
import { sendable } from "../codec/sendable.ts";
import { plain } from "./plain.ts";
import { scan } from "./scan.ts";

const checked = sendable({
  name: "BSON",
  binary: true,
  nonFinite: true,
  bigints: { least: -(2n ** 63n), most: 2n ** 63n - 1n },
  illFormed: false,
});

const nothing = Buffer.alloc(0);

/** The name of the one element of a document that stands for a value which is no document. */
const wrapping = "";

/**
 * BSON, for `app({ codec })` and `service(contract, { codec })`: holds dates, binary data (which arrives as a Buffer), NaN
 * and the infinities, and bigints of 64 bits. A value that is no object, such as an array, is the one element `""` of a
 * document; so is an object with a key `""`, so that the two are never confused. 64-bit integers are bigints here, whoever
 * sent them; ObjectId and Decimal128 of other senders become text. Needs the package `bson`.
 */
export const bson: Codec = {
  contentType: "application/bson",
  encode(value) {
    if (value === undefined) return nothing;
    const ready = checked(value);
    return serialized(isDocument(ready) ? ready : { [wrapping]: ready });
  },
  decode(bytes) {
    if (bytes.length === 0) return undefined;
    const { isForeign, hasBinary } = scan(bytes);
    // A handler may change what it was given, and the message is read again for the next try.
    const own = hasBinary ? Buffer.from(bytes) : bytes;
    const read = deserialize(own, { useBigInt64: true, promoteBuffers: true });
    refuseForbiddenKeys(bytes, read);
    const document = isForeign ? (plain(read) as object) : read;
    return isWrapper(document) ? document[wrapping] : document;
  },
};

function isDocument(value: unknown): value is object {
  return (
    typeof value === "object" &&
    value !== null &&
    !Array.isArray(value) &&
    !(value instanceof Date) &&
    !(value instanceof Uint8Array) &&
    !Object.hasOwn(value, wrapping)
  );
}

function isWrapper(document: object): document is { [wrapping]: unknown } {
  if (!Object.hasOwn(document, wrapping)) return false;
  return Object.keys(document).length === 1;
}

/** The library writes into a buffer of a fixed size, and what goes beyond it is lost without a word. */
let bufferBytes = 17 * 2 ** 20;
/** What may be left free where a character of several bytes did not go in any more. */
const slackBytes = 64;

function serialized(document: object): Uint8Array {
  for (;;) {
    let bytes: Uint8Array | undefined;
    try {
      bytes = serialize(document);
    } catch (error) {
      // As the library's buffer ends within binary data, or a number.
      if (!(error instanceof RangeError)) throw error;
    }
    if (bytes !== undefined && bytes.length < bufferBytes - slackBytes) return bytes;
    bufferBytes *= 2;
    setInternalBufferSize(bufferBytes);
  }
}
