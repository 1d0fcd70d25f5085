import { isFault, isSystemCode, systemFaults } from "../fault.ts";
import type { Random } from "../id.ts";
import { wholeNumber } from "../whole-number.ts";
import { textOf } from "./error-text.ts";
import { longestDelayMs, retryAfterOf } from "./retry-after.ts";

/** When and how often a failed reaction is tried again before it becomes a dead letter. */
export interface RetryPolicy {
  /** Tries in all, the first included. 1 never retries. @default 10 */
  readonly attempts?: number;
  /**
   * How many of the retries come at once, within some milliseconds and without leaving the process: for what a second
   * look mends, such as a transaction that met another. @default 0
   */
  readonly immediate?: number;
  /** The longest first wait, in milliseconds; it doubles each time. Each wait is drawn between none and that (full jitter). @default 1_000 */
  readonly baseMs?: number;
  /** The longest wait, in milliseconds. @default 60_000 */
  readonly capMs?: number;
  /**
   * Whether this error may pass when the same event is tried again. @default any error that is no fault, and the faults
   * of others that may pass (TIMEOUT, UNAVAILABLE, OVERLOADED, INTERNAL and their like); never a declared one
   */
  readonly when?: (error: unknown) => boolean;
}

/** What is to be done with a message whose `attempt`-th try failed. */
export type NextStep =
  /** Try again in this process, after so many milliseconds. */
  | { readonly step: "at-once"; readonly delayMs: number }
  /** Try again after so many milliseconds. */
  | { readonly step: "later"; readonly delayMs: number }
  /** Bury it, with this error as the reason. */
  | { readonly step: "give-up"; readonly error: unknown };

const defaultRetry = { attempts: 10, immediate: 0, baseMs: 1_000, capMs: 60_000, when: isWorthRetrying };

/** Member by member: one that is there and `undefined` means the default too. */
function complete(policy: RetryPolicy): Required<RetryPolicy> {
  return {
    attempts: policy.attempts ?? defaultRetry.attempts,
    immediate: policy.immediate ?? defaultRetry.immediate,
    baseMs: policy.baseMs ?? defaultRetry.baseMs,
    capMs: policy.capMs ?? defaultRetry.capMs,
    when: policy.when ?? defaultRetry.when,
  };
}

/** How many tries there are in all. */
export function attemptsOf(policy: RetryPolicy): number {
  return complete(policy).attempts;
}

/** The longest pause before a retry at once: long enough for another transaction to be over. */
const momentMs = 20;

/** @throws TypeError where a figure of the policy is none; `whose` begins the message */
export function checkRetry(whose: string, policy: RetryPolicy = {}): void {
  wholeNumber(`${whose}: retry.attempts`, policy.attempts, defaultRetry.attempts);
  wholeNumber(`${whose}: retry.immediate`, policy.immediate, defaultRetry.immediate, 0, 10);
  wholeNumber(`${whose}: retry.baseMs`, policy.baseMs, defaultRetry.baseMs);
  wholeNumber(`${whose}: retry.capMs`, policy.capMs, defaultRetry.capMs);
  if (policy.when !== undefined && typeof policy.when !== "function")
    throw new TypeError(`${whose}: retry.when is no function; it gets the error and returns true or false.`);
}

/** Where it is decided already. */
export function over(error: unknown): NextStep {
  return { step: "give-up", error };
}

/**
 * Exponential back-off with full jitter, so that messages that failed together do not return together. An error that
 * says when to come again (`retryAfterMs`) is not asked before.
 */
export function nextStep(policy: RetryPolicy, attempt: number, error: unknown, random: Random): NextStep {
  const { attempts, immediate, baseMs, capMs, when } = complete(policy);
  if (attempt >= attempts) return { step: "give-up", error };
  try {
    if (!when(error)) return { step: "give-up", error };
  } catch (thrown) {
    const text = `\`retry.when\` threw ${textOf(thrown)}, asked about ${textOf(error)}`;
    return { step: "give-up", error: new Error(text, { cause: error }) };
  }
  const atLeastMs = retryAfterOf(error);
  if (attempt <= immediate && atLeastMs === undefined)
    return { step: "at-once", delayMs: Math.ceil(random() * momentMs) };
  const ceilingMs = Math.min(capMs, baseMs * 2 ** Math.max(0, attempt - immediate - 1));
  return { step: "later", delayMs: Math.max(atLeastMs ?? 0, random() * ceilingMs) };
}

/**
 * The waits there are, in milliseconds: one queue of constant TTL each, shared by all services. In a queue whose
 * messages all wait equally long the first in is the first out, so none is held up by another.
 */
const delayTiersMs: readonly number[] = [
  100,
  250,
  500,
  1_000,
  2_000,
  5_000,
  10_000,
  20_000,
  30_000,
  60_000,
  120_000,
  300_000,
  900_000,
  3_600_000,
  21_600_000,
  longestDelayMs,
];

/** The tiers that a policy may take, retries at a time that an error names excepted. */
export function tiersOf(policy: RetryPolicy): readonly number[] {
  const { attempts, immediate, baseMs, capMs } = complete(policy);
  const delayed = attempts - 1 - immediate;
  if (delayed < 1) return [];
  const longestMs = tierFor(Math.min(capMs, baseMs * 2 ** (delayed - 1)));
  return delayTiersMs.filter((tier) => tier <= longestMs);
}

/** The shortest tier that waits at least `delayMs`, or the longest there is. */
export function tierFor(delayMs: number): number {
  return delayTiersMs.find((tier) => tier >= delayMs) ?? longestDelayMs;
}

/**
 * Whether the same message may succeed later. A declared fault is an answer, and the same question gets it again;
 * what a dependency could not say (INTERNAL, UNKNOWN_OUTCOME) may pass, and so may any error that is no fault.
 */
function isWorthRetrying(error: unknown): boolean {
  if (!isFault(error)) return true;
  if (!isSystemCode(error.code)) return false;
  return systemFaults[error.code].retryable || error.code === "INTERNAL" || error.code === "UNKNOWN_OUTCOME";
}
