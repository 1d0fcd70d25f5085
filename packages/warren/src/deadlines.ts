import type { Clock, Timer } from "./time.ts";

/** Something that ends at a time unless it is removed before. */
export interface Expiring {
  /** Milliseconds since the epoch. */
  readonly deadline: number;
  /** Where it is kept; belongs to `deadlines`. */
  bucket?: Bucket | undefined;
}

interface Bucket {
  /** By the steady clock. */
  readonly at: number;
  readonly items: Set<Expiring>;
}

export interface Deadlines<T extends Expiring> {
  add(item: T): void;
  /** Does nothing for one that is not there. */
  remove(item: T): void;
}

/** Deadlines in the same 10 ms share a bucket, and all buckets share one timer: a timer per call would cost more than the call. */
const granularityMs = 10;

/**
 * Calls `expire` for each item within 10 ms after its deadline, as far away as that was when it was added: when the
 * machine's time is set back by an hour, nothing waits for an hour. Adding and removing take constant time.
 */
export function deadlines<T extends Expiring>(clock: Clock, expire: (item: T) => void): Deadlines<T> {
  const buckets = new Map<number, Bucket>();
  let timer: Timer | undefined;
  let armedFor = Number.POSITIVE_INFINITY;

  const steady = (): number => clock.steady?.() ?? clock.now();

  function arm(at: number): void {
    timer?.cancel();
    armedFor = at;
    timer = clock.after(Math.max(0, at - steady()), fire);
  }

  function fire(): void {
    const now = steady();
    timer = undefined;
    armedFor = Number.POSITIVE_INFINITY;
    let earliest = Number.POSITIVE_INFINITY;
    for (const bucket of [...buckets.values()]) {
      if (bucket.at > now) {
        earliest = Math.min(earliest, bucket.at);
        continue;
      }
      buckets.delete(bucket.at);
      for (const item of bucket.items) {
        item.bucket = undefined;
        expire(item as T);
      }
    }
    // `expire` may have added some, and armed for them.
    if (earliest < armedFor) arm(earliest);
  }

  return {
    add(item) {
      const at = Math.ceil((steady() + (item.deadline - clock.now())) / granularityMs) * granularityMs;
      const bucket = buckets.get(at) ?? { at, items: new Set() };
      if (bucket.items.size === 0) buckets.set(at, bucket);
      bucket.items.add(item);
      item.bucket = bucket;
      if (at < armedFor) arm(at);
    },
    remove(item) {
      const { bucket } = item;
      if (bucket === undefined) return;
      item.bucket = undefined;
      bucket.items.delete(item);
      if (bucket.items.size > 0) return;
      buckets.delete(bucket.at);
      // A timer that nobody needs would keep the process alive.
      if (buckets.size === 0) {
        timer?.cancel();
        timer = undefined;
        armedFor = Number.POSITIVE_INFINITY;
      }
    },
  };
}
