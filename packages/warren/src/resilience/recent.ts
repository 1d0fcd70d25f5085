/** The latest outcomes, as many as there are places and no older than their window. */
export interface Recent {
  add(now: number, failed: boolean): void;
  count(now: number): { readonly total: number; readonly failures: number };
  clear(): void;
}

/** Takes the same memory however much happens. */
export function recent(places: number, windowMs: number): Recent {
  const times = new Float64Array(places);
  const failed = new Uint8Array(places);
  let oldest = 0;
  let total = 0;
  let failures = 0;

  function drop(): void {
    failures -= failed[oldest]!;
    oldest = (oldest + 1) % places;
    total--;
  }

  return {
    add(now, isFailure) {
      if (total === places) drop();
      const at = (oldest + total) % places;
      times[at] = now;
      failed[at] = isFailure ? 1 : 0;
      failures += failed[at]!;
      total++;
    },
    count(now) {
      while (total > 0 && times[oldest]! <= now - windowMs) drop();
      return { total, failures };
    },
    clear() {
      total = 0;
      failures = 0;
    },
  };
}
