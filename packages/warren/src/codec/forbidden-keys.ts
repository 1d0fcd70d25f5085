import secureJsonParse from "secure-json-parse";

/** @throws SyntaxError where a decoded value has keys that could change an object's prototype; looks only where `bytes` hold such a name */
export function refuseForbiddenKeys(bytes: Uint8Array, value: unknown): void {
  if (typeof value !== "object" || value === null) return;
  const all = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (all.includes("__proto__") || (all.includes("constructor") && all.includes("prototype")))
    secureJsonParse.scan(value);
}
