import { maxDepth } from "../codec/depth.ts";

/** What has to be done beside reading it. */
export interface Scanned {
  /** The library's objects for ObjectId and Decimal128, and for objects with `$ref` and `$id`, are to become plain. */
  readonly isForeign: boolean;
  /** Binary data is read as a view of the bytes. */
  readonly hasBinary: boolean;
}

const [
  number,
  text,
  object,
  array,
  binary,
  undefinedType,
  objectId,
  boolean,
  date,
  nil,
  symbol,
  int32,
  int64,
] = [0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09, 0x0a, 0x0e, 0x10, 0x12];
const decimal = 0x13;

/** By their type. */
const bytesOf: Readonly<Record<number, number>> = {
  ...{ [number]: 8, [undefinedType]: 0, [objectId]: 12, [boolean]: 1, [date]: 8, [nil]: 0, [int32]: 4 },
  ...{ [int64]: 8, [decimal]: 16 },
};

/** What MongoDB has beside data. */
const refusedTypes: Readonly<Record<number, string>> = {
  ...{ 11: "a regular expression", 12: "a DBPointer", 13: "JavaScript code", 15: "JavaScript code" },
  ...{ 17: "a Timestamp of MongoDB", 127: "MaxKey", 255: "MinKey" },
};

/** One more for the document around what is none. */
const mostLevels = maxDepth + 1;
const ends = new Float64Array(mostLevels);

/**
 * Looks through BSON before it is read: its lengths fit into each other, it is not too deep, and holds nothing but data.
 * @throws Error
 */
export function scan(bytes: Uint8Array): Scanned {
  const { length } = bytes;
  let at = 0;
  let depth = -1;
  let isForeign = false;
  let hasBinary = false;

  function size(): number {
    if (at + 4 > length) throw cut();
    const value = bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
    at += 4;
    return value;
  }

  function enter(): void {
    const start = at;
    const end = start + size();
    const most = depth < 0 ? length : ends[depth]! - 1;
    if (end < start + 5 || end > most || (depth < 0 && end !== length))
      throw new Error(`a document in it says that it has ${end - start} bytes; it lies in ${most - start}`);
    if (++depth >= mostLevels) throw new Error(`it is nested more deeply than ${maxDepth} levels`);
    ends[depth] = end;
  }

  function skip(count: number): void {
    at += count;
    if (count < 0 || at >= ends[depth]!) throw cut();
  }

  function name(): void {
    const [first, second] = [bytes[at], bytes[at + 1]];
    while (bytes[at] !== 0) if (++at >= length) throw cut();
    at++;
    // $ref and $id.
    if (first === 0x24 && (second === 0x72 || second === 0x69)) isForeign = true;
  }

  function value(type: number): void {
    const fixed = bytesOf[type];
    if (fixed !== undefined) skip(fixed);
    else if (type === text || type === symbol) skip(size());
    else if (type === binary) {
      hasBinary = true;
      skip(size() + 1);
    } else {
      const refused = refusedTypes[type] ?? `a value of the unknown type ${type}`;
      throw new Error(`it holds ${refused}, which is not read`);
    }
    if (type === objectId || type === decimal) isForeign = true;
  }

  enter();
  while (depth >= 0) {
    if (at >= length) throw cut();
    const type = bytes[at++]!;
    if (type === 0) {
      if (at !== ends[depth--]) throw cut();
      continue;
    }
    name();
    if (type === object || type === array) enter();
    else value(type);
  }
  return { isForeign, hasBinary };
}

function cut(): Error {
  return new Error("its lengths do not fit into each other");
}
