import { inspect } from "node:util";
import { readableText } from "../codec/readable.ts";
import { type Fault, isFault, isSystemCode } from "../fault.ts";

/**
 * What was thrown, in one line for people, of `maxChars` characters at the most. Every database can keep it: it is
 * well-formed and without U+0000, in whose places there is U+FFFD. Never throws, whatever that was.
 */
export function textOf(error: unknown, maxChars?: number): string {
  return written(error).slice(0, maxChars).replaceAll("\0", "\ufffd").toWellFormed();
}

function written(error: unknown): string {
  try {
    if (isFault(error)) return `${error.code}: ${error.message}${dataOf(error)}`;
    return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  } catch {
    // An object without a prototype has no text, and a getter may throw.
    return inspect(error, { depth: 1, getters: false });
  }
}

/** Of a declared fault, whose callers are told it as well. The messages of system faults say it already. */
function dataOf({ code, data }: Fault): string {
  if (isSystemCode(code) || data === undefined || data === null) return "";
  const text = readableText(data);
  return text === undefined || text === "{}" ? "" : ` ${text}`;
}

/** With the causes, which is where it began. */
export function stackOf(error: unknown): string | undefined {
  const stacks: string[] = [];
  for (let each = error; each instanceof Error && stacks.length < 5; each = each.cause) {
    if (typeof each.stack === "string") stacks.push(each.stack);
  }
  return stacks.length === 0 ? undefined : stacks.join("\ncaused by ");
}
