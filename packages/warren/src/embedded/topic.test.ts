import { describe, expect, it } from "vitest";
import { topicMatches, words } from "./topic.ts";

const matches = (pattern: string, key: string): boolean => topicMatches(words(pattern), words(key));

describe("a topic pattern", () => {
  it.each([
    ["a.b", "a.b", true],
    ["a.b", "a.c", false],
    ["a.b", "a.b.c", false],
    ["a.b.c", "a.b", false],
    ["*", "a", true],
    ["*", "", false],
    ["*", "a.b", false],
    ["a.*.c", "a.b.c", true],
    ["a.*.c", "a.c", false],
    ["#", "", true],
    ["#", "a.b.c", true],
    ["a.#", "a", true],
    ["a.#", "ab", false],
    ["#.c", "a.b.c", true],
    ["#.c", "c.b", false],
    ["a.#.c", "a.c", true],
    ["a.#.c", "a.b.b.c", true],
    ["a.#.c", "a.c.b", false],
    ["#.#", "", true],
    ["#.b.#", "a.b.c", true],
    ["#.b.#", "a.c", false],
    ["#.*", "", false],
    ["*.#", "a", true],
    ["#.a.b", "a.a.a.b", true],
    ["a.#.b.#.c", "a.x.b.b.y.c", true],
    ["", "", true],
    ["", "a", false],
    ["a..b", "a..b", true],
    ["a.*.b", "a..b", true],
    ["a*", "ab", false],
  ])("%j and key %j: %s", (pattern, key, expected) => {
    expect(matches(pattern, key)).toBe(expected);
  });

  it("with many hashes does not take exponential time", () => {
    expect(matches("#.a.".repeat(30).concat("z"), "a.".repeat(300).concat("y"))).toBe(false);
  });

  it("agrees with a slow and obvious matcher on every short pattern and key", () => {
    const obvious = (pattern: readonly string[], key: readonly string[]): boolean => {
      const [first, ...rest] = pattern;
      if (first === undefined) return key.length === 0;
      if (first === "#") return obvious(rest, key) || (key.length > 0 && obvious(pattern, key.slice(1)));
      return key.length > 0 && (first === "*" || first === key[0]) && obvious(rest, key.slice(1));
    };
    const lists = (letters: readonly string[], length: number): string[][] =>
      length === 0
        ? [[]]
        : [[], ...lists(letters, length - 1).flatMap((list) => letters.map((letter) => [letter, ...list]))];
    const keys = lists(["a", "b"], 4);
    const wrong = lists(["a", "*", "#"], 4).flatMap((pattern) =>
      keys.filter((key) => topicMatches(pattern, key) !== obvious(pattern, key)).map((key) => [pattern, key]),
    );
    expect(wrong).toEqual([]);
  });
});
