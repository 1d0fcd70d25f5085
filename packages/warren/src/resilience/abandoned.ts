import { Fault, isFault } from "../fault.ts";
import { about, notDone, type Work } from "./work.ts";

/** What work ends with whose signal was aborted while it waited: the fault that a handler was ended with, or CANCELLED. */
export function abandoned(work: Work): Fault {
  const reason: unknown = work.signal?.reason;
  if (work.kind !== "call" && isFault(reason)) return reason;
  const message = `${notDone(work)}: it was given up while it waited for its turn.`;
  return new Fault("CANCELLED", about(work), { message, cause: reason });
}
