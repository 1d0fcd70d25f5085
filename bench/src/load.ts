/** What one measurement found. Times in milliseconds. */
export interface Measured {
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

export interface Load {
  readonly inFlight: number;
  readonly warmupMs: number;
  readonly durationMs: number;
}

/** Keeps `inFlight` runs of `once` going for the duration, after a warm-up that does not count. */
export async function load(
  once: () => Promise<unknown>,
  { inFlight, warmupMs, durationMs }: Load,
): Promise<Measured> {
  const latencies: number[] = [];
  const from = performance.now() + warmupMs;
  const until = from + durationMs;
  const runner = async (): Promise<void> => {
    for (let began = performance.now(); began < until; began = performance.now()) {
      await once();
      const ended = performance.now();
      if (began >= from && ended <= until) latencies.push(ended - began);
    }
  };
  await Promise.all(Array.from({ length: inFlight }, runner));
  latencies.sort((a, b) => a - b);
  return {
    perSecond: (latencies.length / durationMs) * 1000,
    p50Ms: quantile(latencies, 0.5),
    p99Ms: quantile(latencies, 0.99),
  };
}

/** Of numbers in ascending order. */
export function quantile(sorted: readonly number[], part: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? Number.NaN;
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}
