import { methodsOf } from "../contract/contract.ts";
import type { Uses } from "../service/context.ts";
import { sortedTexts } from "./sorted-texts.ts";
import type { MappedCall } from "./system-map.ts";

/**
 * Whom it calls that has these contracts, and hears or may emit these events. What has no methods cannot be called, and nobody lists a
 * contract for nothing.
 */
export function mappedCalls(uses: Uses, events: readonly string[]): MappedCall[] {
  const hasOtherUse = new Set(events.map((id) => id.split(".", 1)[0]));
  const callable = Object.values(uses).filter((contract) => methodsOf(contract).length > 0);
  const names = sortedTexts(callable.map(({ name }) => name));
  return names.map((to) => ({ to, certain: !hasOtherUse.has(to) }));
}
