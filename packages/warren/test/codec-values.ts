import { bson } from "../src/bson/index.ts";
import { type Codec, json } from "../src/index.ts";
import { messagePack } from "../src/messagepack/index.ts";

export const codecs = { json, messagePack, bson };
export type CodecName = keyof typeof codecs;

/** What becomes of a value: it comes back, comes back as something else, or is refused with words like these. */
export type Outcome = "same" | { readonly as: unknown } | { readonly refused: RegExp };

export interface Row {
  readonly title: string;
  readonly value: unknown;
  readonly json: Outcome;
  readonly messagePack: Outcome;
  readonly bson: Outcome;
}

class Money {
  readonly amount = 5;
  readonly #secret = 1;
  get twice(): number {
    return 2 * this.amount + this.#secret - 1;
  }
}

const all = (title: string, value: unknown, outcome: Outcome): Row => ({
  title,
  value,
  json: outcome,
  messagePack: outcome,
  bson: outcome,
});

/** JSON refuses it, the others hold it. */
const notInJson = (title: string, value: unknown, words: RegExp, as: Outcome = "same"): Row => ({
  title,
  value,
  json: { refused: words },
  messagePack: as,
  bson: as,
});

const dated = (title: string, ms: number): Row => ({
  title,
  value: new Date(ms),
  json: { as: new Date(ms).toISOString() },
  messagePack: "same",
  bson: "same",
});

const nowhere = (title: string, value: unknown, words: RegExp): Row => all(title, value, { refused: words });

const cycle: { name: string; self?: unknown } = { name: "cycle" };
cycle.self = [cycle];

function nested(levels: number): unknown {
  let value: unknown = 1;
  for (let level = 0; level < levels; level++) value = level % 2 === 0 ? [value] : { in: value };
  return value;
}

/** The one table that all codecs are held to. In a message, each value is the field `value` of an object. */
export const table: readonly Row[] = [
  all("null", null, "same"),
  all("true", true, "same"),
  all(
    "whole numbers",
    [0, 1, -1, 127, 128, -32, -33, 255, 65_536, 2 ** 31, -(2 ** 31) - 1, 2 ** 53 - 1],
    "same",
  ),
  all("fractions", [0.1, -1.5, 1e300, 5e-324, 2 ** 60], "same"),
  { ...all("-0", -0, { as: 0 }), bson: "same" },
  notInJson("NaN", Number.NaN, /NaN cannot be sent as JSON/),
  notInJson("infinity", -Infinity, /-Infinity cannot be sent as JSON/),
  notInJson(
    "a small bigint",
    5n,
    /a bigint cannot be sent as JSON; send it as text, or use the codec messagePack/,
  ),
  notInJson("the least of 64 bits", -(2n ** 63n), /a bigint/),
  notInJson("the most of 64 bits", 2n ** 63n - 1n, /a bigint/),
  {
    ...notInJson("the most without a sign", 2n ** 64n - 1n, /a bigint/),
    bson: { refused: /more than 64 bits/ },
  },
  nowhere("a bigint of more than 64 bits", 2n ** 64n, /a bigint/),
  all("text", "Łódź ☕ 日本 🦔 \u0000 \u2028 \uffff", "same"),
  all("long text", "żółć🦔".repeat(20_000), "same"),
  { ...nowhere("half a surrogate pair", "\ud800", /half of a surrogate pair/), json: "same" },
  { ...nowhere("half a pair in a key", { "\udc00": 1 }, /half of a surrogate pair/), json: "same" },
  dated("a date", 1_700_000_000_123),
  dated("the first date", -8.64e15),
  dated("the last date", 8.64e15),
  dated("a date before 1970", -1),
  dated("a date long ago", -62_135_596_800_000),
  nowhere("an invalid date", new Date(Number.NaN), /an invalid Date/),
  notInJson("a Buffer", Buffer.from([0, 255, 1]), /binary data cannot be sent as JSON/),
  notInJson("a Uint8Array", new Uint8Array([1, 2]), /binary data/, { as: Buffer.from([1, 2]) }),
  notInJson("no bytes", Buffer.alloc(0), /binary data/),
  notInJson("many bytes", Buffer.alloc(100_000, 7), /binary data/),
  nowhere("an ArrayBuffer", new ArrayBuffer(2), /an ArrayBuffer cannot be sent/),
  nowhere("a Float64Array", new Float64Array(2), /a Float64Array cannot be sent/),
  all("an array", [1, [2, [null]], {}], "same"),
  all("an empty object", {}, "same"),
  all("undefined in an object", { a: 1, b: undefined }, { as: { a: 1 } }),
  nowhere("undefined in an array", [1, undefined], /value\.1: undefined cannot be sent/),
  // biome-ignore lint/suspicious/noSparseArray: that is what is tested
  nowhere("a hole in an array", [1, , 2], /value\.1: undefined cannot be sent/),
  all(
    "odd keys",
    { "": 1, "a.b": 2, $c: 3, "0": 4, constructor: "x", toString: 5, hasOwnProperty: 6 },
    "same",
  ),
  all("one empty key", { "": 1 }, "same"),
  all("what looks like a reference of MongoDB", { $ref: "#/a", $id: "b", $db: "c" }, "same"),
  { ...all("a key with U+0000", { "a\0b": 1 }, "same"), bson: { refused: /null bytes/ } },
  all("an object without prototype", Object.assign(Object.create(null), { a: 1 }), { as: { a: 1 } }),
  all("an instance of a class", new Money(), { as: { amount: 5 } }),
  all("something with toJSON", new URL("http://a.example/"), { as: "http://a.example/" }),
  nowhere("a Map", new Map([[1, 2]]), /a Map cannot be sent/),
  nowhere("a Set", new Set([1]), /a Set cannot be sent/),
  nowhere("an Error", new Error("x"), /an Error cannot be sent/),
  nowhere("a RegExp", /x/, /a RegExp cannot be sent/),
  nowhere("a boxed number", Object(1), /a Number cannot be sent/),
  nowhere("a promise", Promise.resolve(1), /a Promise cannot be sent/),
  nowhere("a function", () => 1, /value: a function cannot be sent/),
  nowhere("a symbol", Symbol("x"), /a symbol cannot be sent/),
  nowhere("a cycle", cycle, /value\.self\.0: something that it lies in itself, a cycle/),
  all("511 levels", nested(511), "same"),
  nowhere("more than 512 levels", nested(512), /nested more deeply than 512 levels/),
];

export function outcomeOf(row: Row, codec: CodecName): Outcome {
  return row[codec];
}

export function nameOf(codec: Codec): CodecName {
  return (Object.keys(codecs) as CodecName[]).find((name) => codecs[name] === codec)!;
}
