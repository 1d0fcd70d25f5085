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

/** The `traceparent` of a try, by which later ones are linked to it; nothing where it is not traced. */
export function tracedAs({ work }: Incoming): string | undefined {
  const traceparent = work?.trace?.traceparent;
  return traceparent === undefined ? undefined : String(traceparent);
}

/** Which try failed, as a header for the next one. */
export function failedTrace(message: Incoming): Record<string, HeaderValue> {
  const traceparent = tracedAs(message);
  return traceparent === undefined ? {} : { [headers.failedTrace]: traceparent };
}
