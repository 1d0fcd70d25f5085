import type { SqlValue } from "./store.ts";

// What every store refuses in the same words, since each database would do something else about it.

/** Blanks, comments and stray semicolons. No two of its parts begin alike, so that it never looks twice at the same place. */
const nothing = String.raw`(?:[\s;]|--[^\n]*(?:\n|$)|/\*[^*]*(?:\*(?!/)[^*]*)*\*/)*`;
const toSavepoint = String.raw`\s+(?:(?:work|transaction)\s+)?to\b`;
const onlyNothing = new RegExp(`^${nothing}$`);
const control = new RegExp(
  `^${nothing}(?:(?:begin|start|commit|end|abort)\\b|prepare\\s+transaction\\b|rollback\\b(?!${toSavepoint}))`,
  "i",
);
const wayBack = new RegExp(`^${nothing}rollback${toSavepoint}`, "i");

/**
 * Looks at the first word alone.
 * @throws TypeError for `begin`, `commit`, `rollback` and the like: whoever began a transaction ends it. Savepoints are fine
 */
export function checkStatement(text: string): void {
  if (control.test(text))
    throw new TypeError(
      `Warren begins and ends transactions itself; leave this statement out. A handler that throws undoes its transaction, and \`inTransaction\` is for those outside of handlers: ${shown(text)}`,
    );
}

/** @throws TypeError for what is no `SqlValue`: databases and their drivers make of it what each of them likes */
export function checkValues(text: string, values: readonly SqlValue[]): void {
  for (const [index, value] of values.entries())
    if (!isValue(value))
      throw new TypeError(
        `$${index + 1} is ${kindOf(value)}, which no store takes. Give text, a number, bytes or null${insteadOf(value)}: ${shown(text)}`,
      );
}

export function severalStatements(text: string, cause?: unknown): TypeError {
  return new TypeError(
    `These are several statements, and a query is one; make a query of each: ${shown(text)}`,
    { cause },
  );
}

/** Whether it says nothing: what may stand behind a statement. */
export function saysNothing(text: string): boolean {
  return onlyNothing.test(text);
}

/** Whether it is the one statement that helps after one that failed, `rollback to` a savepoint. */
export function goesBack(text: string): boolean {
  return wayBack.test(text);
}

/** What any other statement, and a commit, are told after one that failed. */
export function afterFailure(cause: unknown): Error {
  return new Error("A statement of this transaction failed before, so all of it is undone.", { cause });
}

/** For messages. */
export function shown(text: string): string {
  return text.slice(0, 200);
}

function isValue(value: unknown): boolean {
  if (typeof value === "number") return Number.isFinite(value);
  return (
    typeof value === "string" || typeof value === "bigint" || value === null || ArrayBuffer.isView(value)
  );
}

function kindOf(value: unknown): string {
  if (typeof value !== "object" || value === null) return String(value);
  if (Array.isArray(value)) return "an array";
  return `an object (${(value as object).constructor?.name ?? "without a class"})`;
}

function insteadOf(value: unknown): string {
  if (value instanceof Date) return ", such as its toISOString() or getTime()";
  if (typeof value === "boolean") return ", such as 1 or 0";
  if (typeof value === "object") return ", such as its JSON.stringify(…)";
  return "";
}
