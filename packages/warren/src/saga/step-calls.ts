import { isFault } from "../fault.ts";
import type { Caller } from "../rpc/caller.ts";

/** The calls that one try of a step makes, each under a key of its own. */
export interface StepCalls {
  readonly caller: Caller;
  /** What is to be kept of the calls for the next try, after this one threw. */
  anewAfter(error: unknown): string | null;
}

/** How often each call is made anew, by its direction, its method and its number. */
type Anew = Readonly<Record<string, number>>;

/** As deep as errors are looked through for the one that they were thrown for. */
const deepest = 10;

/**
 * Gives each call the step's key, and to the second and later calls of one method a number more: a step that calls them
 * in the same order each time gets the same answers. A service that keeps no answers says so before it does anything,
 * and is called without.
 *
 * A declared fault is an answer that is kept, too. Where a try ended with it, the next one is to ask again: under another
 * key. Where the step went on from it, it stays the answer, as what the step did then followed from it.
 *
 * @param anew what was kept after the try before
 */
export function stepCalls(
  caller: Caller,
  key: string,
  direction: "do" | "undo",
  anew: string | null,
): StepCalls {
  const made: Anew = anew === null ? {} : JSON.parse(anew);
  const counts = new Map<string, number>();
  const refused = new Map<unknown, string>();
  const common = direction === "do" ? key : `${key}/undo`;

  function next(method: string): { readonly call: string; readonly own: string } {
    const count = (counts.get(method) ?? 0) + 1;
    counts.set(method, count);
    const call = `${direction} ${method} ${count}`;
    const times = made[call] ?? 0;
    return {
      call,
      own: `${common}${count === 1 ? "" : `/${count}`}${times === 0 ? "" : `/again/${times}`}`,
    };
  }

  return {
    caller: {
      ...caller,
      async call(method, input, options, trail, codec) {
        if (options.key !== undefined || method.spec.idempotent === true)
          return caller.call(method, input, options, trail, codec);
        const { call, own } = next(method.id);
        try {
          return await caller.call(method, input, { ...options, key: own }, trail, codec);
        } catch (error) {
          if (!isFault(error)) throw error;
          if (error.code === "KEY_UNSUPPORTED") return caller.call(method, input, options, trail, codec);
          if (Object.hasOwn(method.spec.errors ?? {}, error.code)) refused.set(error, call);
          throw error;
        }
      },
    },
    anewAfter(error) {
      let reason = error;
      for (let depth = 0; depth < deepest && reason instanceof Error; depth++, reason = reason.cause) {
        const call = refused.get(reason);
        if (call !== undefined) return JSON.stringify({ ...made, [call]: (made[call] ?? 0) + 1 });
      }
      return anew;
    },
  };
}
