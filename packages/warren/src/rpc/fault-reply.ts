import type { Codec } from "../codec/codec.ts";
import { Fault, isFault, systemFaults } from "../fault.ts";
import type { Incoming } from "../message.ts";
import { headers } from "../names.ts";

/** A fault as it travels: the header names the code, the body holds the rest. */
export function plainFault({ code, message, data }: Fault): object {
  return { code, message, data };
}

/** A fault in bytes, whatever it says: where its data cannot be written, without that. */
export function faultBytes(codec: Codec, fault: Fault): Uint8Array {
  try {
    return codec.encode(plainFault(fault));
  } catch {
    return codec.encode({ code: fault.code, message: fault.message.toWellFormed() });
  }
}

/** The code of the fault in a reply; `undefined` for one that holds a result. */
export function faultCode(reply: Incoming): string | undefined {
  const code = reply.headers?.[headers.fault];
  return typeof code === "string" ? code : undefined;
}

/** The fault in the body of a reply. */
export function faultOf(code: string, body: unknown, from: string): Fault {
  const { message, data } = (body ?? {}) as { message?: unknown; data?: unknown };
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
