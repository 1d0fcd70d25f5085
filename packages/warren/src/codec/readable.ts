import { maxDepth } from "./depth.ts";

/**
 * A value as JSON that people can read and change, and databases can keep: what JSON has no way to write is an object with
 * one key that says what it is, such as `{"$bigint": "5"}`, `$date`, `$binary` (Base64) or `$number` (NaN, -0 and the
 * infinities). An object of somebody's that looks like one is the content of `$object`. The rest stays as JSON takes it.
 * @throws Error where it is too deep, or lies in itself
 */
export function readable(value: unknown, levels: number = maxDepth + 1): unknown {
  if (typeof value === "bigint") return { $bigint: String(value) };
  if (typeof value === "number")
    return Number.isFinite(value) && !Object.is(value, -0)
      ? value
      : { $number: Object.is(value, -0) ? "-0" : String(value) };
  if (typeof value !== "object" || value === null) return value;
  if (levels === 0) throw new Error(`it is nested more deeply than ${maxDepth} levels, or lies in itself`);
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : { $date: value.toISOString() };
  if (value instanceof Uint8Array)
    return { $binary: Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString("base64") };
  if (Array.isArray(value)) return value.map((part) => readable(part, levels - 1));
  const prototype = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) return value;
  const parts = mapped(value, (part) => readable(part, levels - 1));
  return isTagged(value) ? { $object: parts } : parts;
}

/** The value that `readable` has made this of. @throws Error where what one of its keys says is not so */
export function fromReadable(json: unknown): unknown {
  if (typeof json !== "object" || json === null) return json;
  if (Array.isArray(json)) return json.map(fromReadable);
  if (isTagged(json)) {
    const [tag, content] = Object.entries(json)[0] as [string, unknown];
    if (tag === "$object" && typeof content === "object" && content !== null)
      return mapped(content, fromReadable);
    if (typeof content === "string" && Object.hasOwn(tags, tag)) return tags[tag]!(content);
  }
  return mapped(json, fromReadable);
}

const tags: Readonly<Record<string, (text: string) => unknown>> = {
  $bigint: BigInt,
  $number(text) {
    if (!/^(NaN|-0|-?Infinity)$/.test(text))
      throw new Error(`"$number" is ${text}, which is none of NaN, -0, Infinity`);
    return Number(text);
  },
  $date(text) {
    const date = new Date(text);
    if (Number.isNaN(date.getTime())) throw new Error(`"$date" is ${text}, which is no date`);
    return date;
  },
  $binary: (text) => Buffer.from(text, "base64"),
};

function isTagged(value: object): boolean {
  const keys = Object.keys(value);
  return keys.length === 1 && keys[0]!.startsWith("$");
}

function mapped(value: object, change: (part: unknown) => unknown): object {
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, change(part)]));
}

/** `undefined` has no text. @throws Error, as `readable` does */
export function readableText(value: unknown): string | undefined {
  return JSON.stringify(readable(value));
}

/** @throws Error, as `fromReadable` does; SyntaxError */
export function fromReadableText(text: string): unknown {
  return fromReadable(JSON.parse(text));
}
