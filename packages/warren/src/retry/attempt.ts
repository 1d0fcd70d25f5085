import type { HeaderValue, Incoming } from "../message.ts";
import { headers } from "../names.ts";

/** Which try this delivery is, 1 for the first. */
export function attemptOf(message: Incoming): number {
  const attempt = message.headers?.[headers.attempt];
  return typeof attempt === "number" && attempt >= 1 ? Math.floor(attempt) : 1;
}

/** What a message's headers say when it is tried once more. */
export function forNextAttempt(message: Incoming, now: number): Record<string, HeaderValue> {
  return {
    ...message.headers,
    [headers.attempt]: attemptOf(message) + 1,
    [headers.firstFailedAt]: message.headers?.[headers.firstFailedAt] ?? new Date(now).toISOString(),
  };
}

/** Which try failed, for the trace of the next one; nothing where none is traced. */
export function failedTrace({ work }: Incoming): Record<string, HeaderValue> {
  const traceparent = work?.trace?.traceparent;
  return traceparent === undefined ? {} : { [headers.failedTrace]: traceparent };
}
