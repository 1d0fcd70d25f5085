import { inspect } from "node:util";
import { isFault } from "../fault.ts";

/** What was thrown, in one line for people. Never throws, whatever that was. */
export function textOf(error: unknown): string {
  try {
    if (isFault(error)) return `${error.code}: ${error.message}`;
    return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  } catch {
    // An object without a prototype has no text, and a getter may throw.
    return inspect(error, { depth: 1, getters: false });
  }
}

/** With the causes, which is where it began. */
export function stackOf(error: unknown): string | undefined {
  const stacks: string[] = [];
  for (let each = error; each instanceof Error && stacks.length < 5; each = each.cause) {
    if (typeof each.stack === "string") stacks.push(each.stack);
  }
  return stacks.length === 0 ? undefined : stacks.join("\ncaused by ");
}
