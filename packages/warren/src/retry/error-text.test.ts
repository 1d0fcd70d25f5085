import { describe, expect, it } from "vitest";
import { Fault } from "../fault.ts";
import { textOf } from "./error-text.ts";

describe("the text of an error", () => {
  it.each([
    [new Error("no \0 such"), "Error: no \ufffd such"],
    [
      new Fault("GONE", { id: "1" }, { message: "\ud800 is gone\0" }),
      'GONE: \ufffd is gone\ufffd {"id":"1"}',
    ],
    [new Fault("SOLD", { left: 0n }, { message: "sold" }), 'SOLD: sold {"left":{"$bigint":"0"}}'],
    ["thrown \udc00\0", "thrown \ufffd\ufffd"],
    [Object.assign(Object.create(null), { text: "\0" }), /^\[Object: null prototype\]/],
  ])("can be kept by every database (no. %#)", (error, text) => {
    expect(textOf(error)).toEqual(text instanceof RegExp ? expect.stringMatching(text) : text);
    expect(textOf(error)).not.toContain("\0");
  });

  it("is cut off, and not within a character", () => {
    expect(textOf("abc", 2)).toBe("ab");
    expect(textOf("a😀", 2)).toBe("a\ufffd");
  });
});
