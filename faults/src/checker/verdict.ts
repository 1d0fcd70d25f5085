/** What the histories of one run come to. Times in milliseconds. */
export interface Verdict {
  readonly attempted: number;
  readonly acknowledged: number;
  /** Publishes that were given up; whether they arrived is not known. */
  readonly failed: number;
  /** Messages that were handed to a handler at least once. */
  readonly delivered: number;
  /** Messages that had their effect. */
  readonly effects: number;
  /** Acknowledged messages without effect that wait for people: dead letters, unheard, unrouted. */
  readonly parked: number;
  /** Acknowledged, and neither of these: must be none. */
  readonly lost: readonly string[];
  /** Effects of what nobody published, or with another content: must be none. */
  readonly unexpected: readonly string[];
  /** Messages that a good handler would have done, and that are dead letters all the same. */
  readonly dragged: readonly string[];
  /** Deliveries beyond the first of the same attempt. */
  readonly duplicated: number;
  /** Effects beyond the first of a message. */
  readonly repeatedEffects: number;
  /** First deliveries that came after a later message of the same publisher and key. */
  readonly reordered: number;
  /** Messages that were begun before an earlier one of the same publisher and key had its first effect. */
  readonly begunEarly: readonly string[];
  readonly faults: number;
  /** The longest time without an effect while messages were published. */
  readonly outageMs: number;
  /** From the end of each fault to the next effect, in order of size. */
  readonly recoveriesMs: readonly number[];
  readonly calls: number;
  readonly callsFailed: readonly string[];
  readonly callsRunTwice: readonly string[];
  /** The most memory of one process, in MiB. */
  readonly publisherMib: number;
  readonly workerMib: number;
}

/** @returns `undefined` where there are no values */
export function quantile(sorted: readonly number[], share: number): number | undefined {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
}
