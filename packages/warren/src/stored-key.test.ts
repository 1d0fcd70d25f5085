import { expect, it } from "vitest";
import { storedKey } from "./stored-key.ts";

it.each(["", "a", "order 17", "é😀", "x".repeat(200)])("keeps %j as it is", (text) => {
  expect(storedKey(text)).toBe(text);
});

it.each(["a\0", "\ud800", "\udfff", "x".repeat(201), "é".repeat(100_000)])(
  "gives a short text in place of what no index takes (no. %#), always the same, which stays as it is",
  (text) => {
    expect(storedKey(text)).toMatch(/^#[0-9a-f]{64}$/);
    expect(storedKey(text)).toBe(storedKey(text));
    expect(storedKey(storedKey(text))).toBe(storedKey(text));
  },
);

it("gives different texts for different ones, also where UTF-8 would write the same", () => {
  const texts = ["a", "a\0", "a\ufffd", "\ud800", "\ud801", "\ufffd", "x".repeat(201), "x".repeat(202)];
  expect(new Set(texts.map(storedKey)).size).toBe(texts.length);
});
