import type { Logger } from "../log.ts";
import type { Clock } from "../time.ts";
import type { Context } from "./context.ts";

/** A handler as middleware sees it: validated input in, output out. */
export type Handler = (input: any, context: Context) => unknown;

/** Where in an app middleware stands. One object for all handlers of an app, and another for all calls it makes. */
export interface Place {
  readonly around: "handlers" | "calls";
  readonly clock: Clock;
  readonly log: Logger;
}

/**
 * Wraps handlers of methods and events: `(next) => async (input, context) => { …; return next(input, context); }`.
 * Composed once per handler, at start; the first in a list is the outermost. Not calling `next` answers instead of the
 * handler, throwing is what a throwing handler does. What keeps a state keeps one per `place`, and so one per app.
 */
export type Middleware = (next: Handler, place: Place) => Handler;

/** Middleware that has been told its place. */
export type PlacedMiddleware = (next: Handler) => Handler;

export function placed(middleware: readonly Middleware[], place: Place): PlacedMiddleware[] {
  return middleware.map((wrap) => (next) => wrap(next, place));
}

/** `handler` within all of `middleware`, the first outermost. */
export function compose(middleware: readonly PlacedMiddleware[], handler: Handler): Handler {
  return middleware.reduceRight((next, wrap) => wrap(next), handler);
}
