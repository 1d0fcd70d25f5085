import type { System } from "./system.ts";

/** "Market, Orders and Movies". */
export function titleOf(systems: readonly System[]): string {
  const titles = systems.map(({ title }) => title);
  return titles.length < 2 ? titles.join() : `${titles.slice(0, -1).join(", ")} and ${titles.at(-1)}`;
}
