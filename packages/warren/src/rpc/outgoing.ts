import type { Codec } from "../codec/codec.ts";
import type { Method } from "../contract/method.ts";
import type { Place } from "../service/middleware.ts";
import type { Trail } from "../trail.ts";
import type { CallOptions } from "./client.ts";

/** A call on its way out. */
export interface OutgoingCall {
  readonly method: Method;
  readonly input: unknown;
  readonly options: CallOptions;
  /** What the handler making the call hands on: its deadline, conversation and principal. Empty outside of handlers. */
  readonly trail: Trail;
  /** What the input is written in. @default the app's */
  readonly codec?: Codec | undefined;
}

export type MakeCall = (call: OutgoingCall) => Promise<unknown>;

/**
 * Wraps the calls a process makes: `(next) => async (call) => { …; return next(call); }`. Composed once per app; the
 * first is the outermost.
 */
export type CallMiddleware = (next: MakeCall, place: Place) => MakeCall;
