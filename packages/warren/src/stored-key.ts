import { createHash } from "node:crypto";

/** Of every text that a database is to find a row by; PostgreSQL can index no more than 2,704 bytes. */
const maxKeyChars = 200;

/**
 * A text from outside as both databases can keep and find it: itself where it is well-formed, without U+0000 and has at
 * most 200 characters, else "#" and the SHA-256 of it in hexadecimal digits. Two texts never become the same one, as two
 * lone surrogates would in UTF-8. What is stored already stays as it is.
 */
export function storedKey(text: string): string {
  if (text.length <= maxKeyChars && text.isWellFormed() && !text.includes("\0")) return text;
  return `#${createHash("sha256").update(Buffer.from(text, "utf16le")).digest("hex")}`;
}
