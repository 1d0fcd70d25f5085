import secureJsonParse from "secure-json-parse";
import type { Codec } from "./codec.ts";
import { isTooDeep, maxDepth } from "./depth.ts";
import { sendable } from "./sendable.ts";

const nothing = Buffer.alloc(0);
const checked = sendable({
  name: "JSON",
  binary: false,
  nonFinite: false,
  bigints: undefined,
  // It escapes them.
  illFormed: true,
});

/** A value as JSON; `undefined` has no text. @throws NotEncodable for what JSON would change, such as a bigint, NaN or a Map */
export function jsonText(value: unknown): string | undefined {
  return JSON.stringify(checked(value));
}

/**
 * UTF-8 JSON. No bytes stand for `undefined`, so that a method may return nothing, and null is not nothing. A date is
 * written as ISO 8601, and is text where it arrives unless the schema makes a date of it (`z.coerce.date()`).
 */
export const json: Codec = {
  contentType: "application/json",
  encode(value) {
    const text = jsonText(value);
    return text === undefined ? nothing : Buffer.from(text);
  },
  decode(bytes) {
    if (bytes.length === 0) return undefined;
    if (isTooDeep(bytes)) throw new Error(`it is nested more deeply than ${maxDepth} levels`);
    const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8");
    // Refuses keys that could change an object's prototype, which JSON.parse lets through.
    return secureJsonParse.parse(text);
  },
};
