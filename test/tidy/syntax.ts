import { parseAst } from "vitest/node";
import type { SourceFile } from "./files.ts";

/** A node of the syntax tree, as far as the rules look into it. */
export interface Syntax {
  readonly type: string;
  readonly start: number;
  readonly end: number;
  readonly [key: string]: unknown;
}

/** Every node of a file, outermost first. */
export function nodesOf({ path, text }: SourceFile): Syntax[] {
  const found: Syntax[] = [];
  const visit = (value: unknown): void => {
    if (Array.isArray(value)) return value.forEach(visit);
    if (!isSyntax(value)) return;
    found.push(value);
    for (const part of Object.values(value)) visit(part);
  };
  visit(parseAst(text.replace(/^#!.*/, ""), { lang: path.endsWith("x") ? "tsx" : "ts" }));
  return found;
}

/** What a file imports or re-exports, types and `import()` included. */
export function importsOf(file: SourceFile): string[] {
  return nodesOf(file).flatMap(({ source }) =>
    isSyntax(source) && typeof source.value === "string" ? [source.value] : [],
  );
}

/** `Date.now` for a member of a plain name, `setTimeout` for a plain name, else `undefined`. */
export function nameOf(value: unknown): string | undefined {
  if (!isSyntax(value)) return undefined;
  if (value.type === "Identifier") return value.name as string;
  if (value.type !== "MemberExpression" || value.computed === true) return undefined;
  const owner = nameOf(value.object);
  return owner === undefined ? undefined : `${owner}.${nameOf(value.property)}`;
}

/** The number of the line, from 1, on which this position is. */
export function lineAt(text: string, position: number): number {
  return text.slice(0, position).split("\n").length;
}

function isSyntax(value: unknown): value is Syntax {
  return typeof value === "object" && value !== null && typeof (value as Syntax).type === "string";
}
