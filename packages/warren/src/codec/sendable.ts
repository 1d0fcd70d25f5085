import { NotEncodable } from "./codec.ts";
import { maxDepth } from "./depth.ts";

/** What a codec can hold beside plain objects, arrays, text, finite numbers, booleans, null and valid dates. */
export interface Holds {
  /** For people: `JSON`. */
  readonly name: string;
  readonly binary: boolean;
  readonly nonFinite: boolean;
  /** The least and the greatest bigint; `undefined` for none at all. */
  readonly bigints: { readonly least: bigint; readonly most: bigint } | undefined;
  /** Text and keys with half a surrogate pair, which UTF-8 has no bytes for. */
  readonly illFormed: boolean;
}

/**
 * Makes a function that gives a value back as it is where the codec can hold all of it, which is most of the time, and
 * costs no memory then. Where a part is written by its `toJSON`, or is an instance of a class, it gives a plain copy.
 * @throws NotEncodable (the function returned does) for what would not come back
 */
export function sendable(holds: Holds): (value: unknown) => unknown {
  const { binary, nonFinite, bigints, illFormed } = holds;

  /** False says only that it has to be looked at more closely. */
  function isPlain(value: unknown, levels: number): boolean {
    switch (typeof value) {
      case "string":
        return illFormed || value.isWellFormed();
      case "number":
        return nonFinite || Number.isFinite(value);
      case "boolean":
        return true;
      case "object":
        return value === null || isPlainObject(value, levels);
      case "bigint":
        return bigints !== undefined && value >= bigints.least && value <= bigints.most;
      default:
        return false;
    }
  }

  function isPlainObject(value: object, levels: number): boolean {
    if (levels === 0) return false;
    if (Array.isArray(value)) {
      for (let at = 0; at < value.length; at++) if (!isPlain(value[at], levels - 1)) return false;
      return true;
    }
    const prototype = Object.getPrototypeOf(value);
    if (prototype !== Object.prototype && prototype !== null) return isLeaf(value);
    for (const key in value) {
      const part = (value as Record<string, unknown>)[key];
      if (part !== undefined && !isPlain(part, levels - 1)) return false;
      if (!illFormed && !key.isWellFormed()) return false;
    }
    return true;
  }

  function isLeaf(value: object): boolean {
    if (value instanceof Date) return !Number.isNaN(value.getTime());
    return binary && value instanceof Uint8Array;
  }

  return (value) => (value === undefined || isPlain(value, maxDepth) ? value : plainCopy(value, holds));
}

/** A value on its way, with what it lies in. */
interface Place {
  readonly holds: Holds;
  readonly path: readonly string[];
  readonly within: readonly object[];
}

function plainCopy(value: unknown, holds: Holds): unknown {
  return copied(value, { holds, path: [], within: [] });
}

function copied(value: unknown, place: Place): unknown {
  const { holds } = place;
  const { bigints } = holds;
  switch (typeof value) {
    case "string":
      return checkedText(value, place);
    case "number":
      if (!holds.nonFinite && !Number.isFinite(value)) throw refused(place, String(value));
      return value;
    case "boolean":
      return value;
    case "bigint":
      if (bigints === undefined) throw refused(place, "a bigint");
      if (value < bigints.least || value > bigints.most)
        throw refused(place, "a bigint of more than 64 bits");
      return value;
    case "object":
      return value === null ? null : copiedObject(value, place);
    case "undefined":
      throw refused(place, "undefined", "use null");
    default:
      throw refused(place, `a ${typeof value}`);
  }
}

function checkedText(text: string, place: Place): string {
  if (!place.holds.illFormed && !text.isWellFormed())
    throw refused(place, "text with half of a surrogate pair", "see String.prototype.toWellFormed");
  return text;
}

function copiedObject(value: object, place: Place): unknown {
  const { holds, path, within } = place;
  if (within.includes(value)) throw refused(place, "something that it lies in itself, a cycle", "");
  if (within.length >= maxDepth) throw refused(place, `nested more deeply than ${maxDepth} levels`, "");
  if (value instanceof Date) {
    if (Number.isNaN(value.getTime())) throw refused(place, "an invalid Date", "");
    return value;
  }
  if (value instanceof Uint8Array) {
    if (!holds.binary) throw refused(place, "binary data");
    return value;
  }
  const inside = (key: string): Place => ({ holds, path: [...path, key], within: [...within, value] });
  if ("toJSON" in value && typeof value.toJSON === "function") {
    const written: unknown = value.toJSON(path.at(-1) ?? "");
    return written === undefined ? undefined : copied(written, { ...place, within: [...within, value] });
  }
  if (Array.isArray(value)) return Array.from(value, (part, at) => copied(part, inside(String(at))));
  const kind = Object.prototype.toString.call(value).slice(8, -1);
  if (kind !== "Object") throw refused(place, kindOf(kind), hintOf(kind, holds));
  const parts: [string, unknown][] = [];
  for (const key of Object.keys(value)) {
    const part = (value as Record<string, unknown>)[key];
    if (part === undefined) continue;
    parts.push([checkedText(key, inside(key)), copied(part, inside(key))]);
  }
  return Object.fromEntries(parts);
}

function kindOf(kind: string): string {
  return `${/^[AEIOU]/.test(kind) ? "an" : "a"} ${kind}`;
}

/** Other kinds of memory have no one way to be written: the bytes of a Float64Array are another machine's in another order. */
function hintOf(kind: string, { binary }: Holds): string | undefined {
  if (!/Array|ArrayBuffer|DataView/.test(kind)) return "send a plain object or an array of what it holds";
  return binary ? "wrap its bytes in a Uint8Array" : undefined;
}

const longestPath = 12;

/** @param hint what to do; otherwise where it can be held */
function refused({ path, holds }: Place, what: string, hint = otherwise(what)): NotEncodable {
  const shown = path.length > longestPath ? [...path.slice(0, longestPath), "…"] : path;
  return new NotEncodable(
    shown.join("."),
    `${what} cannot be sent as ${holds.name}${hint === "" ? "" : `; ${hint}`}`,
  );
}

function otherwise(what: string): string {
  if (/^a (function|symbol)$/.test(what)) return "leave it out";
  if (what.includes("more than 64 bits")) return "send it as text";
  return "send it as text, or use the codec messagePack or bson, which hold it";
}
