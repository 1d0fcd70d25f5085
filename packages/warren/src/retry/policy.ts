import { isFault, isSystemCode, systemFaults } from "../fault.ts";
import type { Random } from "../id.ts";
import { wholeNumber } from "../whole-number.ts";

/** When and how often a failed reaction is tried again before it becomes a dead letter. */
export interface RetryPolicy {
  /** Tries in all, the first included. 1 never retries. @default 5 */
  readonly attempts?: number;
  /** The longest first wait, in milliseconds; it doubles each time. Each wait is drawn between none and that (full jitter). @default 1_000 */
  readonly baseMs?: number;
  /** The longest wait, in milliseconds. @default 60_000 */
  readonly capMs?: number;
}

const defaultRetry: Required<RetryPolicy> = { attempts: 5, baseMs: 1_000, capMs: 60_000 };

/** @throws TypeError where a figure of the policy is none; `whose` begins the message */
export function checkRetry(whose: string, policy: RetryPolicy = {}): void {
  wholeNumber(`${whose}: retry.attempts`, policy.attempts, defaultRetry.attempts);
  wholeNumber(`${whose}: retry.baseMs`, policy.baseMs, defaultRetry.baseMs);
  wholeNumber(`${whose}: retry.capMs`, policy.capMs, defaultRetry.capMs);
}

/**
 * The waits there are, in milliseconds: one queue of constant TTL each, shared by all services. In a queue whose
 * messages all wait equally long the first in is the first out, so none is held up by another.
 */
const delayTiersMs: readonly number[] = [
  100, 250, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 30_000, 60_000, 120_000, 300_000, 900_000, 3_600_000,
  21_600_000, 86_400_000,
];

/**
 * The tier a message waits in after its `attempt`-th try failed: exponential back-off with full jitter, so that
 * messages that failed together do not return together. `undefined` when it is to be given up.
 */
export function nextDelayMs(policy: RetryPolicy, attempt: number, random: Random): number | undefined {
  const { attempts, baseMs, capMs } = { ...defaultRetry, ...policy };
  if (attempt >= attempts) return undefined;
  const ceilingMs = Math.min(capMs, baseMs * 2 ** (attempt - 1));
  return tierFor(random() * ceilingMs);
}

/** The shortest tier that waits at least `delayMs`, or the longest there is. */
function tierFor(delayMs: number): number {
  return delayTiersMs.find((tier) => tier >= delayMs) ?? delayTiersMs.at(-1)!;
}

/**
 * Whether the same message may succeed later. A declared fault is an answer, and the same question gets it again;
 * what a dependency could not say (INTERNAL, UNKNOWN_OUTCOME) may pass, and so may any error that is no fault.
 */
export function isWorthRetrying(error: unknown): boolean {
  if (!isFault(error)) return true;
  if (!isSystemCode(error.code)) return false;
  return systemFaults[error.code].retryable || error.code === "INTERNAL" || error.code === "UNKNOWN_OUTCOME";
}
