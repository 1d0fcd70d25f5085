import { asSaid, guessHint, leads, type Next, reactionText, routeText, shortestPath } from "./paths.ts";
import type { MappedEvent, MappedReaction, MapWarning } from "./system-map.ts";

/**
 * An event that some reaction names in its `undo` says that something failed. Wherever it is emitted down the line of a
 * reaction that changes a store, that reaction has to be undone, or its service has to react to the failure. Not warned of:
 * - the service whose event it is, which fails itself and can clean up where it does
 * - ways through another such event: what comes after it is what is done about that failure
 * - ways that come back to a service, where some reaction on them does not say what it emits: there it may be a new
 *   beginning that was assumed
 * - what is changed by methods, whose callers are told of a failure
 */
export function undoWarnings(
  reactions: readonly MappedReaction[],
  events: readonly MappedEvent[],
): MapWarning[] {
  const failures = events.filter(({ undoes }) => undoes.length > 0);
  const next = leads(
    reactions,
    failures.map(({ id }) => id),
  );
  return reactions
    .filter(({ stored, everyInstance }) => stored && !everyInstance)
    .flatMap((reaction) =>
      failures
        .filter((failure) => !isDealtWith(reaction, failure))
        .flatMap((failure) => warningOf(reaction, failure.id, next) ?? []),
    );
}

function isDealtWith({ service, on, undoneOn }: MappedReaction, failure: MappedEvent): boolean {
  return (
    failure.service === service ||
    failure.id === on ||
    undoneOn.includes(failure.id) ||
    failure.takenBy.includes(service)
  );
}

function warningOf(reaction: MappedReaction, failure: string, next: Next): MapWarning | undefined {
  const emitsIt = ({ emits, exact }: MappedReaction): boolean => exact && emits.includes(failure);
  const path =
    shortestPath(reaction, asSaid(next), emitsIt) ??
    shortestPath(reaction, onwards(next), ({ emits }) => emits.includes(failure));
  if (path === undefined) return undefined;
  return {
    kind: "not-undone",
    message: `${reactionText(reaction)} changes its store and is not undone on ${failure}: ${routeText(path, failure)}.${guessHint(path)}`,
    events: [...path.map(({ on }) => on), failure],
    services: path.map(({ service }) => service),
  };
}

/** Never back to a service that the path has come through, nor to the one whose event it began with. */
function onwards(next: Next): Next {
  return (path) => {
    const begun = path[0]!.on.split(".", 1)[0]!;
    const passed = new Set([begun, ...path.map(({ service }) => service)]);
    return next(path).filter(({ service }) => !passed.has(service));
  };
}
