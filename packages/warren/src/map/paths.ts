import type { MappedReaction } from "./system-map.ts";

/** Reactions, each on an event that the one before it may emit. */
export type Path = readonly MappedReaction[];

/** Where a path may go on to. */
export type Next = (path: Path) => readonly MappedReaction[];

/** On to the reactions on what the last one may emit, except the events of `without`. */
export function leads(reactions: readonly MappedReaction[], without: readonly string[] = []): Next {
  return (path) => {
    const { emits } = path.at(-1)!;
    return reactions.filter(({ on }) => emits.includes(on) && !without.includes(on));
  };
}

/** Only what reactions say themselves that they emit. */
export function asSaid(next: Next): Next {
  return (path) => (path.at(-1)!.exact ? next(path) : []);
}

/**
 * The shortest way from a reaction to one where `isEnd` holds, both included; at least one step, so that it may lead back
 * to where it began.
 */
export function shortestPath(
  from: MappedReaction,
  next: Next,
  isEnd: (reaction: MappedReaction) => boolean,
): Path | undefined {
  const reached = new Set<MappedReaction>();
  let paths: Path[] = [[from]];
  while (paths.length > 0) {
    const longer: Path[] = [];
    for (const path of paths)
      for (const reaction of next(path)) {
        if (isEnd(reaction)) return [...path, reaction];
        if (reached.has(reaction)) continue;
        reached.add(reaction);
        longer.push([...path, reaction]);
      }
    paths = longer;
  }
  return undefined;
}

/** `orders.placed → stock → stock.reserved → shipping → shipping.failed` */
export function routeText(path: Path, end: string): string {
  return [...path.flatMap(({ on, service }) => [on, service]), end].join(" → ");
}

/** `stock on orders.placed` */
export function reactionText({ service, on }: Pick<MappedReaction, "service" | "on">): string {
  return `${service} on ${on}`;
}

/** What to do where a way was only found since some reactions do not say what they emit. */
export function guessHint(path: Path): string {
  const vague = [...new Set(path.filter(({ exact }) => !exact).map(reactionText))];
  return vague.length === 0 ? "" : ` Whether it can happen, \`emits\` would say: ${vague.join("; ")}.`;
}
