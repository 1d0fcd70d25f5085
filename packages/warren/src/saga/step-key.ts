import { createHash } from "node:crypto";
import type { Run } from "./run.ts";

/** Shorter than a key may be, so that there is room for what tells one call of a step from another. */
const longestChars = 160;

/** What a step makes its keys of, `<saga>/<id>/<step>`: a hash in place of what is too long for a key. */
export function stepKey({ plan, id }: Pick<Run, "plan" | "id">, step: string): string {
  const key = `${plan.name}/${id}/${step}`;
  if (key.length <= longestChars) return key;
  return `${plan.name}/${createHash("sha256").update(key).digest("hex")}`;
}
