import { createHash } from "node:crypto";
import { readable } from "../codec/readable.ts";
import type { Principal } from "../principal.ts";

/** The same text for values that say the same: the order of an object's fields is not what somebody means. */
export function fingerprint(value: unknown): string {
  return hash(
    JSON.stringify(readable(value), (_name, part: unknown) => (isObject(part) ? inOrder(part) : part)) ?? "",
  );
}

/**
 * Whose key it is: another one's is another key, so that nobody can read the answers given to somebody else. Not the
 * subject itself, which may be an address of somebody, and of any length.
 */
export function callerOf(principal: Principal | undefined): string {
  return principal === undefined ? "" : hash(JSON.stringify(principal.subject));
}

function hash(text: string): string {
  return createHash("sha256").update(text).digest("base64url");
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function inOrder(value: object): unknown {
  // A date that somebody sends as JSON the first time, and in a codec that has dates the second time.
  if ("$date" in value && typeof value.$date === "string") return value.$date;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)));
}
