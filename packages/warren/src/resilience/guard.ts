import type { CallMiddleware, MakeCall, OutgoingCall } from "../rpc/outgoing.ts";
import type { Context } from "../service/context.ts";
import type { Handler, Middleware, Place } from "../service/middleware.ts";
import { type Keyed, keyed } from "./keyed.ts";
import { callWork, type Guarded, handlerWork, type Work } from "./work.ts";

/** Middleware for both places: in `use` it guards handlers, in `outgoing` the calls that a process makes. */
export type Guard = Middleware & CallMiddleware;

export interface GuardOptions {
  /**
   * What is counted together: each method (or reaction) by itself, all of one service, or everything. A function gives
   * a key of your own, such as the principal's subject; `undefined` lets pass without counting. Keys are seen in
   * messages and logs. Each app counts for itself.
   * @default "method"
   */
  readonly per?: "method" | "service" | "all" | ((what: Guarded) => string | undefined);
}

/** What is counted together, and lets work pass or refuses it. */
export interface Gate {
  /** @throws Fault (at once, or as a rejection) when the work may not be done */
  pass(work: Work): Promise<unknown>;
  /** Forgetting it would change nothing. */
  readonly idle: boolean;
}

/** `gateFor` makes the gate of one key. */
export function guard(
  name: string,
  { per = "method" }: GuardOptions,
  gateFor: (key: string, place: Place) => Gate,
): Guard {
  const keyOf = typeof per === "function" ? per : keys[per];
  if (keyOf === undefined)
    throw new TypeError(`${name}: per is "${per}"; use "method", "service", "all" or a function.`);
  const known = new WeakMap<Place, Keyed<Gate>>();

  function gatesIn(place: Place | undefined): Keyed<Gate> {
    if (place === undefined)
      throw new TypeError(
        `${name}: give it the second argument that your middleware gets, as in (next, place) => …`,
      );
    const gates = known.get(place) ?? keyed((key) => gateFor(key, place));
    known.set(place, gates);
    return gates;
  }

  return (next: any, place: Place): any => {
    const gates = gatesIn(place);
    const pass = (work: Work): unknown => {
      const key = keyOf(work);
      return key === undefined ? work.run() : gates.of(key).pass(work);
    };
    return place.around === "calls"
      ? async (call: OutgoingCall) => pass(callWork(next as MakeCall, call, place.clock))
      : async (input: unknown, context: Context) => pass(handlerWork(next as Handler, input, context));
  };
}

const keys: Readonly<Record<"method" | "service" | "all", (what: Guarded) => string>> = {
  // Two services may react to the same event.
  method: ({ kind, id, service }) => (kind === "event" ? `${id} in ${service}` : id),
  service: ({ service }) => service,
  all: () => "all",
};
