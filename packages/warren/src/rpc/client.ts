import type { AnyContract } from "../contract/contract.ts";
import type { ErrorOut, Method } from "../contract/method.ts";
import type { Fault, SystemFault } from "../fault.ts";
import { isFault } from "../fault.ts";
import type { Principal } from "../principal.ts";

export interface CallOptions {
  /** How long to wait, in milliseconds; within a handler never longer than its own deadline. @default the method's */
  readonly timeoutMs?: number;
  /** Aborting it rejects the call with CANCELLED. The handler may run all the same. */
  readonly signal?: AbortSignal;
  /** The id of the one instance that shall answer. UNAVAILABLE where it is gone. */
  readonly to?: string;
  /** While no instance listens: `wait` until the deadline, or `fail` at once with UNAVAILABLE. @default "wait" */
  readonly ifDown?: "wait" | "fail";
  /** On whose behalf. @default that of the handler making the call */
  readonly principal?: Principal;
  /**
   * Names what is to be done, so that it is done once however often the call is made: the service keeps the answer in
   * its store, and gives it to any later call of this method with the same key and principal, for a day. 1 to 200
   * characters, best random ones, kept until the call has succeeded. A key that comes with another input is refused
   * with KEY_REUSED, one of a call still under way after a while with KEY_IN_USE, and any by a service without a store
   * with KEY_UNSUPPORTED. Calls that the handler makes do not inherit it.
   */
  readonly key?: string;
}

/** For a call to every instance. */
export interface EveryOptions extends Omit<CallOptions, "to" | "ifDown" | "key"> {
  /** Resolve as soon as so many have answered, instead of at the deadline. */
  readonly expect?: number;
}

/** The faults a method declares, as a caller meets them. */
export type FaultOf<E> = { [C in keyof E & string]: Fault<C, ErrorOut<E[C]>> }[keyof E & string];

/** A promise that also knows, as a type, which declared faults it may reject with. See `attempt`. */
export type Call<O, F> = Promise<O> & { readonly "~fault"?: F };

export type Args<I, X> = I extends { readonly in: infer V } ? ArgsOf<V, X> : never;
/** `any` and `unknown` first: they would pass for `void`. */
type ArgsOf<V, X> = unknown extends V
  ? [input?: V, options?: X]
  : [V] extends [void]
    ? [input?: undefined, options?: X]
    : undefined extends V
      ? [input?: V, options?: X]
      : [input: V, options?: X];
type Output<O> = O extends { readonly out: infer V } ? V : never;

/**
 * A typed caller of a contract. A call rejects with a declared fault or a system fault, and always by its deadline.
 */
export type Client<C> = C extends AnyContract
  ? {
      readonly [K in keyof C["methods"]]: C["methods"][K] extends Method<any, infer I, infer O, infer E>
        ? (...args: Args<I, CallOptions>) => Call<Output<O>, FaultOf<E>>
        : never;
    }
  : never;

/** One instance's answer to a call that went to every instance. */
export type Answer<O, F> =
  | { readonly instance: string; readonly ok: true; readonly value: O }
  | { readonly instance: string; readonly ok: false; readonly error: F | SystemFault };

/** Calls every running instance and collects what they answer by the deadline (or until `expect` have answered). */
export type EveryClient<C> = C extends AnyContract
  ? {
      readonly [K in keyof C["methods"]]: C["methods"][K] extends Method<any, infer I, infer O, infer E>
        ? (...args: Args<I, EveryOptions>) => Promise<readonly Answer<Output<O>, FaultOf<E>>[]>
        : never;
    }
  : never;

/** A call's outcome as a value: narrow by `ok`, then by `error.code`. Anything that is not a fault is thrown. */
export async function attempt<O, F>(
  call: Call<O, F>,
): Promise<
  { readonly ok: true; readonly value: O } | { readonly ok: false; readonly error: F | SystemFault }
> {
  try {
    return { ok: true, value: await call };
  } catch (error) {
    if (isFault(error)) return { ok: false, error: error as F | SystemFault };
    throw error;
  }
}
