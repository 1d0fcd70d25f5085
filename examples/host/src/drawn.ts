import { createHash } from "node:crypto";

/** A number from 0 to 1, always the same for the same text: what is to fail for demonstration fails each time. */
export function drawnFor(text: string): number {
  return createHash("sha256").update(text).digest().readUInt32BE() / 2 ** 32;
}
