import { describe, expect, it } from "vitest";
import { Deque } from "./deque.ts";

describe("a deque", () => {
  it("behaves as an array does, whatever is pushed and shifted at either end", () => {
    const deque = new Deque<{ n: number }>();
    const array: { n: number }[] = [];
    const seen: (number | undefined)[][] = [];
    for (let n = 0; n < 20_000; n++) {
      // Grows to thousands, then shrinks to none, several times over.
      const growing = Math.floor(n / 2_500) % 2 === 0;
      const choice = (n * 7919) % 5;
      if (choice === 0) {
        deque.unshift({ n });
        array.unshift({ n });
      } else if (growing && choice < 4) {
        deque.push({ n });
        array.push({ n });
      } else {
        const [got, expected] = [deque.shift(), array.shift()];
        if (got?.n !== expected?.n) seen.push([got?.n, expected?.n]);
      }
      if (deque.length !== array.length || deque.peek()?.n !== array[0]?.n)
        seen.push([deque.length, array.length]);
    }
    expect(seen).toEqual([]);
  });

  it("that is empty gives nothing", () => {
    const deque = new Deque<object>();
    expect([deque.shift(), deque.peek(), deque.length]).toEqual([undefined, undefined, 0]);
  });
});
