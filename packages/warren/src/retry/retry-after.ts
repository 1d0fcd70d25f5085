import { Fault, isFault } from "../fault.ts";

/** A day. */
export const longestDelayMs = 86_400_000;

export interface RetryAfterOptions {
  /** What is missing, for people. */
  readonly message?: string;
  readonly cause?: unknown;
}

/**
 * An error to be thrown by a handler that knows when it is worth trying again: another system said so, or a working
 * day begins. A reaction is tried again no sooner than that, as long as its policy has attempts left; a long wait is
 * rounded up to 5 or 15 minutes, 1, 6 or 24 hours. The caller of a method gets it as UNAVAILABLE, and an HTTP client
 * as the header `Retry-After`.
 * @param delayMs milliseconds from now, above 0 and at most a day
 * @throws RangeError for another delay
 */
export function retryAfter(
  delayMs: number,
  options: RetryAfterOptions = {},
): Fault<"UNAVAILABLE", { retryAfterMs: number }> {
  if (!(delayMs > 0 && delayMs <= longestDelayMs))
    throw new RangeError(`retryAfter: ${delayMs} ms; say a delay above 0 and of at most a day.`);
  return new Fault(
    "UNAVAILABLE",
    { retryAfterMs: delayMs },
    { message: `Not possible now; to be tried again in ${delayMs} ms.`, ...options },
  );
}

/** The least delay that a fault asks for, in milliseconds. */
export function retryAfterOf(error: unknown): number | undefined {
  if (!isFault(error) || typeof error.data !== "object" || error.data === null) return undefined;
  const { retryAfterMs } = error.data as { retryAfterMs?: unknown };
  if (typeof retryAfterMs !== "number" || !(retryAfterMs > 0)) return undefined;
  return Math.min(retryAfterMs, longestDelayMs);
}
