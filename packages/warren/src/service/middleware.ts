import type { Context } from "./context.ts";

/** A handler as middleware sees it: validated input in, output out. */
export type Handler = (input: any, context: Context) => unknown;

/**
 * Wraps handlers of methods and events: `(next) => async (input, context) => { …; return next(input, context); }`.
 * Composed once, at start; the first in a list is the outermost. Not calling `next` answers instead of the handler,
 * throwing is what a throwing handler does.
 */
export type Middleware = (next: Handler) => Handler;

/** `handler` within all of `middleware`, the first outermost. */
export function compose(middleware: readonly Middleware[], handler: Handler): Handler {
  return middleware.reduceRight((next, wrap) => wrap(next), handler);
}
