import { expect, it } from "vitest";
import { maxDepth } from "./depth.ts";
import { json } from "./json.ts";

const nested = (depth: number, open = "[", close = "]"): Buffer =>
  Buffer.from(`${open.repeat(depth)}1${close.repeat(depth)}`);
const padded = (text: string): Buffer => Buffer.from(`{"padding":"${"x".repeat(70_000)}","is":${text}}`);

it("JSON is read up to its greatest depth, and refused beyond it", () => {
  expect(() => json.decode(padded(nested(maxDepth - 1).toString()))).not.toThrow();
  expect(() => json.decode(padded(nested(maxDepth).toString()))).toThrow("nested more deeply than 512");
  expect(() => json.decode(padded(nested(maxDepth, '{"a":', "}").toString()))).toThrow("nested more deeply");
});

it("what never ends is refused before it takes memory", () => {
  const before = process.memoryUsage().heapUsed;
  expect(() => json.decode(Buffer.alloc(16 * 2 ** 20, "["))).toThrow("nested more deeply");
  expect(process.memoryUsage().heapUsed - before).toBeLessThan(50 * 2 ** 20);
});

it("brackets in strings do not count, nor do those that are closed again", () => {
  const text = JSON.stringify({
    a: "[".repeat(5_000),
    b: '\\"[{'.repeat(2_000),
    c: Array(40_000).fill([{}]),
  });
  expect(json.decode(Buffer.from(text))).toEqual(JSON.parse(text));
});
