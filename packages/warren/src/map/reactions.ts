import { type AnyContract, eventsOf } from "../contract/contract.ts";
import type { ReactionOptions, Service } from "../service/service.ts";
import { sortedTexts } from "./sorted-texts.ts";
import type { MappedReaction } from "./system-map.ts";

type Definition = Partial<ReactionOptions<any, any>> & { readonly undo?: Readonly<Record<string, unknown>> };

/** What a service does on events, as its definition says. */
export function reactionsOf({ contract, definition }: Service): MappedReaction[] {
  const reactions = Object.entries((definition.on ?? {}) as Readonly<Record<string, Definition>>);
  const mapped = reactions.map(([on, reaction]) => ({
    service: contract.name as string,
    on,
    emits: emittedOn(contract, on, reaction),
    exact: reaction.emits !== undefined,
    undoneOn: sortedTexts(Object.keys(reaction.undo ?? {})),
    everyInstance: reaction.to === "every-instance",
    stored: definition.store !== undefined,
  }));
  return mapped.sort((one, other) => (one.on < other.on ? -1 : 1));
}

/** Not known before it runs, unless it says so. That it emits what it reacts to would be a loop by design: hardly meant. */
function emittedOn(contract: AnyContract, on: string, { emits }: Definition): string[] {
  const own = eventsOf(contract);
  const possible =
    emits === undefined
      ? own.filter(({ id }) => id !== on)
      : own.filter(({ name }) => (emits as readonly string[]).includes(name));
  return sortedTexts(possible.map(({ id }) => id));
}
