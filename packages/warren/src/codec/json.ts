import secureJsonParse from "secure-json-parse";
import type { Codec } from "./codec.ts";
import { isTooDeep, maxDepth } from "./depth.ts";

const nothing = Buffer.alloc(0);

/** UTF-8 JSON. No bytes stand for `undefined`, so that a method may return nothing, and null is not nothing. */
export const json: Codec = {
  contentType: "application/json",
  encode(value) {
    const text = JSON.stringify(value);
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
