import { pick, seeded } from "./random.ts";

/** How a fault comes and goes. Times in milliseconds. */
export interface Rhythm {
  /** How long the faults last, from and to. A fault that is over at once, such as a kill, has 0. */
  readonly lastsMs: readonly [number, number];
  /** How long all is well between them. */
  readonly pauseMs: readonly [number, number];
  /** How long all is well before the first. */
  readonly calmMs: number;
}

/** One blow. */
export interface Blow<F> {
  /** How long all is well before it. */
  readonly afterMs: number;
  readonly lastsMs: number;
  readonly fault: F;
  /** For what the fault itself leaves to chance: which node, which process. */
  readonly chance: number;
}

/**
 * What is done to the system during `durationMs`: the same for the same seed. Blows do not overlap. One that takes
 * longer than planned, as the start of a node may, moves the later ones, and the last ones may then be left out.
 */
export function schedule<F>(
  seed: number,
  faults: readonly F[],
  rhythm: Rhythm,
  durationMs: number,
): readonly Blow<F>[] {
  const random = seeded(seed);
  const between = ([low, high]: readonly [number, number]): number =>
    Math.round(low + random() * (high - low));
  const blows: Blow<F>[] = [];
  if (faults.length === 0) return blows;
  for (let atMs = 0, afterMs = rhythm.calmMs; ; afterMs = Math.max(1, between(rhythm.pauseMs))) {
    const blow = { afterMs, lastsMs: between(rhythm.lastsMs), fault: pick(random, faults), chance: random() };
    atMs += blow.afterMs + blow.lastsMs;
    // However short the run: without a single fault it would say nothing.
    if (atMs > durationMs && blows.length > 0) return blows;
    blows.push(blow);
  }
}
