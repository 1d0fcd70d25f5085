import type { Part, System } from "./system.ts";

/** What `--only` calls the edge: routes of all systems. Every other part is a service. */
export const gatewayName = "gateway";

/**
 * The services of all systems, by name.
 * @throws TypeError where two have the same name: on one broker they would be one service
 */
export function partsOf(systems: readonly System[]): ReadonlyMap<string, Part> {
  const owners = new Map<string, string>([[gatewayName, "The host"]]);
  const parts = new Map<string, Part>();
  for (const { title, parts: own } of systems)
    for (const [name, part] of Object.entries(own)) {
      const owner = owners.get(name);
      if (owner !== undefined)
        throw new TypeError(`${owner} and ${title} both have a part "${name}": rename one of them.`);
      owners.set(name, title);
      parts.set(name, part);
    }
  return parts;
}

/** What `--only` may name. @throws TypeError as `partsOf` does */
export function partNamesOf(systems: readonly System[]): readonly string[] {
  return [...partsOf(systems).keys(), gatewayName];
}
