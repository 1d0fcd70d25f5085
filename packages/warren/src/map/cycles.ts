import { asSaid, guessHint, leads, type Next, type Path, routeText, shortestPath } from "./paths.ts";
import type { MappedReaction, MapWarning } from "./system-map.ts";

/**
 * One warning for each knot of reactions that lead to one another, with its shortest cycle: first those that the reactions
 * themselves say, then those that would be if reactions that say nothing emitted all they may. What is emitted while
 * something is undone makes no cycle, since that is done once in a conversation.
 */
export function cycleWarnings(reactions: readonly MappedReaction[]): MapWarning[] {
  const next = leads(reactions);
  const vague = reactions.filter(({ exact }) => !exact);
  return [
    ...cyclesThrough(reactions, asSaid(next)).map((cycle) => warning("cycle", cycle)),
    ...cyclesThrough(vague, next).map((cycle) => warning("possible-cycle", cycle)),
  ];
}

/** Of each knot the shortest cycle through one of these reactions, which is not repeated at its end. */
function cyclesThrough(reactions: readonly MappedReaction[], next: Next): Path[] {
  const shortest = new Map<MappedReaction, Path>();
  for (const reaction of reactions) {
    const cycle = shortestPath(reaction, next, (other) => other === reaction)?.slice(0, -1);
    if (cycle === undefined) continue;
    // Whoever can be reached and leads back is of the same knot.
    const knot = [...shortest.keys()].find(
      (known) => leadsTo(known, reaction, next) && leadsTo(reaction, known, next),
    );
    if (knot === undefined) shortest.set(reaction, cycle);
    else if (cycle.length < shortest.get(knot)!.length) shortest.set(knot, cycle);
  }
  return [...shortest.values()];
}

function leadsTo(from: MappedReaction, to: MappedReaction, next: Next): boolean {
  return shortestPath(from, next, (reaction) => reaction === to) !== undefined;
}

function warning(kind: "cycle" | "possible-cycle", cycle: Path): MapWarning {
  const first = cycle[0]!.on;
  const what = kind === "cycle" ? "leads back to itself" : "may lead back to itself";
  return {
    kind,
    message: `${first} ${what}: ${routeText(cycle, first)}.${guessHint(cycle)}`,
    events: cycle.map(({ on }) => on),
    services: cycle.map(({ service }) => service),
  };
}
