import type { Method } from "../contract/method.ts";
import type { CallOptions } from "./client.ts";

/** A call on its way out. */
export interface OutgoingCall {
  readonly method: Method;
  readonly input: unknown;
  readonly options: CallOptions;
}

export type MakeCall = (call: OutgoingCall) => Promise<unknown>;

/** Wraps the calls a process makes: `(next) => async (call) => { …; return next(call); }`. The first is the outermost. */
export type CallMiddleware = (next: MakeCall) => MakeCall;
