import type { Codec } from "../codec/codec.ts";
import { Fault, isFault, systemFaults } from "../fault.ts";
import type { Incoming } from "../message.ts";
import { headers } from "../names.ts";

/** A fault as it travels: the header names the code, the body holds the rest. */
export function plainFault({ code, message, data }: Fault): object {
  return { code, message, data };
}

/** The fault in a reply, or `undefined` for one that holds a result. @throws errors of the codec */
export function faultIn(reply: Incoming, codec: Codec, from: string): Fault | undefined {
  const code = reply.headers?.[headers.fault];
  if (typeof code !== "string") return undefined;
  const { message, data } = (codec.decode(reply.body) ?? {}) as { message?: unknown; data?: unknown };
  return new Fault(code, data, { from, ...(typeof message === "string" && { message }) });
}

/** What a handler may raise of the system faults, in its own name. */
const raisable = new Set([
  "INVALID_INPUT",
  "UNAUTHENTICATED",
  "FORBIDDEN",
  "TIMEOUT",
  "UNAVAILABLE",
  "OVERLOADED",
  "UNKNOWN_OUTCOME",
  "STOPPED",
]);
/** What of a dependency's faults tells a caller the truth about this service too. The rest would blame the caller for our mistake. */
const passable = new Set(["TIMEOUT", "UNAVAILABLE", "OVERLOADED", "UNKNOWN_OUTCOME"]);

/** Whether a system fault thrown in a handler is for its caller to see, rather than INTERNAL. */
export function isForCaller(error: unknown): error is Fault {
  return (
    isFault(error) &&
    Object.hasOwn(systemFaults, error.code) &&
    (error.from === undefined ? raisable : passable).has(error.code)
  );
}
