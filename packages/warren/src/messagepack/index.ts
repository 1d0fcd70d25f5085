import { type Options, Packr } from "msgpackr";
import type { Codec } from "../codec/codec.ts";
import { refuseForbiddenKeys } from "../codec/forbidden-keys.ts";
import { sendable } from "../codec/sendable.ts";
import { scan } from "./scan.ts";

const packr = new Packr({
  // Plain MessagePack, as any library reads it.
  useRecords: false,
  variableMapSize: true,
  mapsAsObjects: true,
  skipValues: [undefined],
  // `sendable` has asked it.
  useToJSON: false,
  int64AsType: "bigint",
  // A handler may change what it was given, and the message is read again for the next try.
  copyBuffers: true,
  // Its types do not know it.
} as Options & { readonly skipValues: readonly unknown[] });

const checked = sendable({
  name: "MessagePack",
  binary: true,
  nonFinite: true,
  bigints: { least: -(2n ** 63n), most: 2n ** 64n - 1n },
  illFormed: false,
});

const nothing = Buffer.alloc(0);

/**
 * MessagePack, for `app({ codec })` and `service(contract, { codec })`: smaller than JSON, and holds dates, binary data
 * (which arrives as a Buffer), NaN and the infinities, and bigints of 64 bits. Readable by any MessagePack library.
 * 64-bit integers are bigints here, whoever sent them. Needs the package `msgpackr`.
 */
export const messagePack: Codec = {
  contentType: "application/msgpack",
  encode: (value) => (value === undefined ? nothing : packr.pack(checked(value))),
  decode(bytes) {
    if (bytes.length === 0) return undefined;
    scan(bytes);
    const value: unknown = packr.unpack(bytes);
    refuseForbiddenKeys(bytes, value);
    return value;
  },
};
