import { getRandomValues } from "node:crypto";

/** The seam for chance: a number in [0, 1). Injected, so that a seed repeats a run exactly. */
export type Random = () => number;

/** The machine's own randomness, good enough for identifiers that must not collide between machines. */
export const systemRandom: Random = () => {
  if (next === pool.length) {
    getRandomValues(pool);
    next = 0;
  }
  return pool[next++]! / 2 ** 32;
};
const pool = new Uint32Array(256);
let next = pool.length;

const alphabet = "0123456789abcdefghijklmnopqrstuvwxyz";

/** `length` characters of 0-9 and a-z; 16 of them hold 82 bits. */
export function randomId(random: Random, length = 16): string {
  let id = "";
  for (let i = 0; i < length; i++) id += alphabet[Math.floor(random() * alphabet.length)];
  return id;
}

/** Gives out identifiers that are unique everywhere: a random prefix of its own, and a count. Fast and readable. */
export function idSource(prefix: string): () => string {
  let count = 0;
  return () => `${prefix}-${(++count).toString(36)}`;
}
