/** Deeper than any data that people mean; a recursive reader of it is far from the end of its stack. */
export const maxDepth = 512;

/** Shorter than this, nothing is nested so deeply that it takes much memory, and looking would cost more than it saves. */
const harmlessBytes = 65_536;

const [quote, backslash, openBrace, closeBrace, openBracket, closeBracket] = [
  0x22, 0x5c, 0x7b, 0x7d, 0x5b, 0x5d,
];

/**
 * Whether a JSON text of some size is nested more deeply than `maxDepth`. To be asked before it is parsed: 16 MiB of "[" make
 * more than a gigabyte of arrays.
 */
export function isTooDeep(text: Uint8Array): boolean {
  if (text.length < harmlessBytes) return false;
  let depth = 0;
  let inString = false;
  for (let at = 0; at < text.length; at++) {
    const byte = text[at];
    if (inString) {
      if (byte === backslash) at++;
      else if (byte === quote) inString = false;
    } else if (byte === quote) inString = true;
    else if (byte === openBracket || byte === openBrace) {
      if (++depth > maxDepth) return true;
    } else if (byte === closeBracket || byte === closeBrace) depth--;
  }
  return false;
}
