import { maxDepth } from "../codec/depth.ts";

/** An array or a map can be one byte, and takes fifty in memory. As many as a JSON text of 16 MiB can hold. */
const maxContainers = 5_600_000;

/** How many values are still to come, on each level. Used by one run at a time, which never waits. */
const left = new Float64Array(maxDepth + 1);
/** Whether a level is a map. */
const isMap = new Uint8Array(maxDepth + 1);

/** The type of the one extension that is MessagePack's own. */
const timestamp = 0xff;

/**
 * Looks through MessagePack before it is read: complete, nothing behind it, not too deep, no more containers than could be
 * meant, and no extension but the timestamp. A reader that trusts what it reads makes functions, sets and regular
 * expressions of others.
 * @throws Error
 */
export function scan(bytes: Uint8Array): void {
  const { length } = bytes;
  let at = 0;
  let depth = 0;
  let containers = 0;
  left[0] = 1;
  isMap[0] = 0;

  /** A whole number of so many bytes. */
  function number(size: number): number {
    if (at + size > length) throw cut();
    let value = 0;
    for (let end = at + size; at < end; at++) value = value * 256 + bytes[at]!;
    return value;
  }

  function skip(size: number): void {
    at += size;
    if (at > length) throw cut();
  }

  function text(size: number): void {
    const start = at;
    skip(size);
    if (size === 9 && isMap[depth] === 1 && left[depth]! % 2 === 1 && isPrototype(bytes, start))
      throw new Error('it has a key "__proto__"');
  }

  function container(count: number, map: boolean): void {
    if (++containers > maxContainers)
      throw new Error(`it has more than ${maxContainers} arrays and maps in it`);
    const values = map ? 2 * count : count;
    // Each takes a byte at least.
    if (values > length - at) throw cut();
    if (values === 0) return;
    if (++depth > maxDepth) throw new Error(`it is nested more deeply than ${maxDepth} levels`);
    left[depth] = values;
    isMap[depth] = map ? 1 : 0;
  }

  function extension(size: number): void {
    if (at >= length) throw cut();
    const type = bytes[at++]!;
    skip(size);
    if (type !== timestamp || (size !== 4 && size !== 8 && size !== 12))
      throw new Error(
        `it has an extension of type ${type > 127 ? type - 256 : type} and ${size} bytes; only timestamps (-1) are read`,
      );
  }

  function long(token: number): void {
    if (token >= 0xca) return skip(numberBytes[token - 0xca]!);
    if (token >= 0xc7) return extension(number(2 ** (token - 0xc7)));
    if (token >= 0xc4) return skip(number(2 ** (token - 0xc4)));
    if (token === 0xc1) throw new Error("it has the byte 0xc1, which no value begins with");
  }

  for (;;) {
    while (depth > 0 && left[depth] === 0) depth--;
    if (left[depth] === 0) break;
    // Behind this, an odd number is left where the value is a key of a map.
    left[depth]!--;
    if (at >= length) throw cut();
    const token = bytes[at++]!;
    if (token < 0x80 || token >= 0xe0) continue;
    if (token < 0x90) container(token & 0x0f, true);
    else if (token < 0xa0) container(token & 0x0f, false);
    else if (token < 0xc0) text(token & 0x1f);
    else if (token < 0xd4) long(token);
    else if (token < 0xd9) extension(2 ** (token - 0xd4));
    else if (token < 0xdc) text(number(2 ** (token - 0xd9)));
    else container(number(token & 1 ? 4 : 2), token >= 0xde);
  }
  if (at < length) throw new Error(`${length - at} bytes follow the value`);
}

/** float 32, float 64, uint 8 to 64, int 8 to 64. */
const numberBytes = [4, 8, 1, 2, 4, 8, 1, 2, 4, 8];

const prototypeKey = Buffer.from("__proto__");

function isPrototype(bytes: Uint8Array, start: number): boolean {
  return prototypeKey.every((byte, index) => bytes[start + index] === byte);
}

function cut(): Error {
  return new Error("it ends before its last value does");
}
