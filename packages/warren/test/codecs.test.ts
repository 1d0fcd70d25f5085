import { Binary, BSONRegExp, Code, Decimal128, Long, ObjectId, serialize, Timestamp, UUID } from "bson";
import { Packr } from "msgpackr";
import { describe, expect, it } from "vitest";
import { encoded } from "../src/codec/payload.ts";
import { fromReadableText, readableText } from "../src/codec/readable.ts";
import { isFault } from "../src/index.ts";
import { type CodecName, codecs, table } from "./codec-values.ts";

const { messagePack, bson, json } = codecs;

describe.each(Object.keys(codecs) as CodecName[])("the codec %s", (name) => {
  const codec = codecs[name];

  it.each(table)("$title", (row) => {
    const { value, [name]: outcome } = row;
    if (typeof outcome === "object" && "refused" in outcome) {
      const refused = (): unknown => encoded(codec, { value }, "The event a.b", 2 ** 24, "INVALID_EVENT");
      expect(refused).toThrow(outcome.refused);
      expect(refused).toThrow(expect.objectContaining({ code: "INVALID_EVENT" }));
      return;
    }
    const expected = outcome === "same" ? value : outcome.as;
    expect(codec.decode(codec.encode({ value }))).toEqual({ value: expected });
    // At the root as well, where BSON has only documents.
    expect(codec.decode(codec.encode(value))).toEqual(expected);
    expect(codec.decode(codec.encode([value, value]))).toEqual([expected, expected]);
  });

  it("has no bytes for undefined", () => {
    expect(codec.encode(undefined)).toHaveLength(0);
    expect(codec.decode(Buffer.alloc(0))).toBeUndefined();
  });

  it("keeps binary data apart from the message, which is read again for another try", () => {
    if (name === "json") return;
    const bytes = Buffer.from(codec.encode({ data: Buffer.from("abc") }));
    const { data } = codec.decode(bytes) as { data: Buffer };
    data.fill(0);
    expect(codec.decode(bytes)).toEqual({ data: Buffer.from("abc") });
  });

  it("refuses keys that could change a prototype", () => {
    for (const text of ['{"__proto__":{"a":1}}', '[{"constructor":{"prototype":{}}}]'])
      expect(() => codec.decode(codec.encode(JSON.parse(text)))).toThrow(/__proto__|forbidden prototype/);
  });

  it("reads any bytes as a value or refuses them, and nothing else", () => {
    const chance = random(name.length);
    const good = Buffer.from(codec.encode({ a: [1, "x", { b: null }], c: { d: 1.5, e: "żółć" } }));
    for (let round = 0; round < 20_000; round++) {
      const bytes = Buffer.from(good);
      for (let change = 0; change <= round % 3; change++)
        bytes[Math.floor(chance() * bytes.length)] = Math.floor(chance() * 256);
      const cut = round % 5 === 0 ? bytes.subarray(0, Math.floor(chance() * bytes.length)) : bytes;
      try {
        codec.decode(cut);
      } catch (error) {
        expect(error).toBeInstanceOf(Error);
        expect(error).not.toBeInstanceOf(RangeError);
      }
    }
    expect(Object.prototype).not.toHaveProperty("a");
    expect(codec.decode(good)).toEqual({ a: [1, "x", { b: null }], c: { d: 1.5, e: "żółć" } });
  });

  it("gives back whatever it takes", () => {
    const chance = random(42);
    for (let round = 0; round < 3_000; round++) {
      const value = anything(chance, name, 4);
      expect(codec.decode(codec.encode(value))).toEqual(value);
      expect(fromReadableText(readableText(value)!)).toEqual(value);
    }
  });
});

describe("MessagePack", () => {
  it("is as any library writes and reads it", () => {
    const theirs = Buffer.from("82a26964b057423a31343630333036343736313032a474797065a25742", "hex");
    const value = { id: "WB:1460306476102", type: "WB" };
    expect(messagePack.decode(theirs)).toEqual(value);
    expect(Buffer.from(messagePack.encode(value)).toString("hex")).toBe(theirs.toString("hex"));
    // No records: the key is written each time.
    expect(Buffer.from(messagePack.encode([{ k: 1 }, { k: 2 }])).toString("hex")).toBe("9281a16b0181a16b02");
  });

  it.each([
    ["a float of 32 bits", "ca3fc00000", 1.5],
    ["a long of 64 bits", "cf0000000000000005", 5n],
    ["a timestamp of 32 bits", "d6ff00000001", new Date(1_000)],
    ["a timestamp of 96 bits", "c70cff00000000ffffffffffffffff", new Date(-1_000)],
    ["keys that are numbers", "8105a178", { 5: "x" }],
  ])("reads %s of others", (_, hex, value) => {
    expect(messagePack.decode(Buffer.from(hex, "hex"))).toEqual(value);
  });

  it.each([
    ["an array of four billion", "ddffffffff", /ends before/],
    ["a map of four billion", "dfffffffff01", /ends before/],
    ["text of four billion bytes", "dbffffffff41", /ends before/],
    ["binary data of four billion bytes", "c6ffffffff41", /ends before/],
    ["an extension of four billion bytes", "c9ffffffff01", /ends before/],
    ["half a number", "cb00", /ends before/],
    ["half an array", "930101", /ends before/],
    ["what nothing begins with", "c1", /0xc1/],
    ["another extension", "d40100", /extension of type 1 /],
    ["records, which make code", "d4724091a16101", /extension of type 114/],
    ["a regular expression", "c7047892a178a167", /extension/],
    ["a set", "d473009101", /extension of type 115/],
    ["a timestamp of 2 bytes", "d5ff0000", /type -1 and 2 bytes/],
    ["something behind the value", "0101", /1 bytes follow/],
    ["a key __proto__", "81a95f5f70726f746f5f5f80", /__proto__/],
    ["a longer key __proto__", "81d9095f5f70726f746f5f5f80", /__proto__/],
  ])("refuses %s", (_, hex, words) => {
    expect(() => messagePack.decode(Buffer.from(hex, "hex"))).toThrow(words);
  });

  it("takes text and values that are __proto__ for what they are", () => {
    for (const value of ["__proto__", ["__proto__"], { a: "__proto__" }])
      expect(messagePack.decode(messagePack.encode(value))).toEqual(value);
  });

  it("is no matter of memory or stack, however it is nested", () => {
    expectModest(() => messagePack.decode(Buffer.alloc(2 ** 24, 0x91)), /nested more deeply than 512/);
    expectModest(() => messagePack.decode(Buffer.alloc(2 ** 24, 0x81)), /nested more deeply than 512/);
    const many = Buffer.alloc(2 ** 24, 0x80);
    many.writeUInt8(0xdd, 0);
    many.writeUInt32BE(2 ** 24 - 5, 1);
    expectModest(() => messagePack.decode(many), /more than 5600000 arrays and maps/);
  });

  it("does not change what others in this process read and write", () => {
    const packr = new Packr({ moreTypes: true });
    expect(packr.unpack(packr.pack(new Set([1])))).toEqual(new Set([1]));
  });
});

describe("BSON", () => {
  it("is as any library writes and reads it", () => {
    const theirs = Buffer.from(
      "2b000000026964001100000057423a31343630333036343736313032000274797065000300000057420000",
      "hex",
    );
    const value = { id: "WB:1460306476102", type: "WB" };
    expect(bson.decode(theirs)).toEqual(value);
    expect(Buffer.from(bson.encode(value)).toString("hex")).toBe(theirs.toString("hex"));
  });

  it("has what is no document in one whose only key is empty", () => {
    expect(Buffer.from(bson.encode([1])).toString("hex")).toBe(
      Buffer.from(serialize({ "": [1] })).toString("hex"),
    );
    expect(bson.decode(serialize({ "": [1] }))).toEqual([1]);
    expect(bson.decode(serialize({ "": 1, a: 2 }))).toEqual({ "": 1, a: 2 });
  });

  it.each([
    ["an ObjectId", new ObjectId("5f43a1b2c3d4e5f601234567"), "5f43a1b2c3d4e5f601234567"],
    ["a Decimal128", Decimal128.fromString("12.50"), "12.50"],
    ["a Long", Long.fromNumber(5), 5n],
    [
      "a UUID",
      new UUID("00112233-4455-6677-8899-aabbccddeeff"),
      Buffer.from("00112233445566778899aabbccddeeff", "hex"),
    ],
    ["binary data of another kind", new Binary(Buffer.from("ab"), 0x80), Buffer.from("ab")],
  ])("makes %s of others plain", (_, theirs, ours) => {
    expect(bson.decode(serialize({ a: [{ theirs }] }))).toEqual({ a: [{ theirs: ours }] });
  });

  it.each([
    ["a regular expression", new BSONRegExp("x"), /a regular expression/],
    ["JavaScript code", new Code("x"), /JavaScript code/],
    ["a Timestamp", new Timestamp({ t: 1, i: 1 }), /a Timestamp of MongoDB/],
  ])("refuses %s", (_, theirs, words) => {
    expect(() => bson.decode(serialize({ theirs }))).toThrow(words);
  });

  it.each([
    ["four billion bytes", "ffffffff0000"],
    ["less than a document", "0400000000"],
    ["more than there is", "0600000000"],
    ["text that is longer", "0e0000000261000500000000"],
    ["a document that is longer than its own", "0d00000003610020000000" + "0000"],
    ["a document of negative length", "0d000000036100f0ffffff0000"],
    ["binary data of negative length", "0e000000056100ffffffff000000"],
    ["a type that is none", "080000004261000000"],
    ["a key without an end", "0700000002616161"],
    ["something behind the document", "050000000000"],
  ])("refuses %s", (_, hex) => {
    expect(() => bson.decode(Buffer.from(hex, "hex"))).toThrow(/bytes|lengths|unknown type/);
  });

  it("is no matter of memory or stack, however it is nested", () => {
    const levels = 2_000_000;
    const deep = Buffer.alloc(8 * levels + 5);
    for (let level = 0; level <= levels; level++) {
      const at = level * 7;
      deep.writeInt32LE(deep.length - 8 * level, at);
      if (level < levels) deep.write("\x03a\0", at + 4, "latin1");
    }
    expectModest(() => bson.decode(deep), /nested more deeply than 512/);
  });

  it("holds more than the library has room for at first", () => {
    const value = { text: "ż".repeat(10 * 2 ** 20), data: Buffer.alloc(2 ** 20, 1), list: [1, 2.5, "x"] };
    const { text, data, list } = bson.decode(bson.encode(value)) as typeof value;
    expect(text === value.text && data.equals(value.data)).toBe(true);
    expect(list).toEqual(value.list);
  });
});

describe("what people read", () => {
  it("stands for what JSON has not, and for what only looks so", () => {
    const value = {
      n: 5n,
      at: new Date(0),
      data: Buffer.from("a"),
      nan: [Number.NaN, -0],
      odd: { $date: "x" },
    };
    expect(readableText(value)).toBe(
      '{"n":{"$bigint":"5"},"at":{"$date":"1970-01-01T00:00:00.000Z"},"data":{"$binary":"YQ=="},' +
        '"nan":[{"$number":"NaN"},{"$number":"-0"}],"odd":{"$object":{"$date":"x"}}}',
    );
    expect(fromReadableText(readableText(value)!)).toEqual(value);
  });

  it("is refused where it says what is not so", () => {
    for (const text of ['{"$bigint":"x"}', '{"$date":"x"}', '{"$number":"5"}'])
      expect(() => fromReadableText(text)).toThrow(Error);
  });
});

it("a refusal names the path, of a value that is nested deeply too, and what to do", () => {
  const value = { orders: [{ lines: [{}, { price: 5n }] }] };
  try {
    encoded(json, value, "The output of a.b", 1_000, "INVALID_OUTPUT");
    expect.unreachable();
  } catch (error) {
    if (!isFault(error)) throw error;
    expect(error.data).toEqual({
      issues: [
        {
          path: "orders.0.lines.1.price",
          message:
            "a bigint cannot be sent as JSON; send it as text, or use the codec messagePack or bson, which hold it",
        },
      ],
    });
  }
});

function expectModest(decode: () => unknown, words: RegExp): void {
  const before = process.memoryUsage().heapUsed;
  const began = performance.now();
  expect(decode).toThrow(words);
  expect(process.memoryUsage().heapUsed - before).toBeLessThan(50 * 2 ** 20);
  expect(performance.now() - began).toBeLessThan(2_000);
}

/** The same numbers for the same seed (mulberry32). */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

function anything(chance: () => number, codec: CodecName, levels: number): unknown {
  const whole = (most: number): number => Math.floor(chance() * most);
  const text = (): string =>
    Array.from({ length: whole(40) }, () =>
      String.fromCodePoint([65, 0xe9, 0x65e5, 0x1f994][whole(4)]! + whole(9)),
    ).join("");
  const many = (): unknown[] => Array.from({ length: whole(5) }, () => anything(chance, codec, levels - 1));
  const kinds: (() => unknown)[] = [
    () => null,
    () => chance() < 0.5,
    () => whole(2 ** 40) - 2 ** 39,
    () => chance() * 10 ** whole(20),
    text,
    ...(levels > 0
      ? [
          many,
          () =>
            Object.fromEntries(many().map((value, at) => [chance() < 0.1 ? "" : `${text()}${at}`, value])),
        ]
      : []),
    ...(codec === "json"
      ? []
      : [
          () => BigInt.asIntN(64, BigInt(whole(2 ** 32)) * BigInt(whole(2 ** 32))),
          () => new Date(whole(2 ** 42) - 2 ** 41),
          () => Buffer.from(text()),
        ]),
  ];
  return kinds[whole(kinds.length)]!();
}
