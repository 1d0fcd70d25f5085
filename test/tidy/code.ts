import { isTest, type SourceFile } from "./files.ts";
import { importsOf, lineAt, nameOf, nodesOf, type Syntax } from "./syntax.ts";

const maxFileLines = 400;
const maxFunctionLines = 70;

/** Files that may be longer, each with the reason. */
const longFiles: Record<string, string> = {};
/** Functions that may be longer, as `path:name`, each with the reason. */
const longFunctions: Record<string, string> = {};

export function checkFileSizes(files: readonly SourceFile[]): string[] {
  return files.flatMap(({ path, text }) => {
    const lines = text.trimEnd().split("\n").length;
    return lines <= maxFileLines || path in longFiles
      ? []
      : [`${path} has ${lines} lines; split it by concept (at most ${maxFileLines})`];
  });
}

/**
 * Counts the lines of a function without those of the functions inside it, so that a factory of several short
 * functions counts as what it is. Tests are left out: the body of a `describe` is a chapter, not a function.
 */
export function checkFunctionSizes(files: readonly SourceFile[]): string[] {
  return files.filter(({ path }) => !isTest(path)).flatMap(checkFunctions);
}

function checkFunctions(file: SourceFile): string[] {
  const functions = nodesOf(file).filter(({ type }) =>
    /^(FunctionDeclaration|FunctionExpression|ArrowFunctionExpression)$/.test(type),
  );
  const ownLines = new Map<Syntax, number>();
  const around: Syntax[] = [];
  for (const node of functions) {
    const lines = lineAt(file.text, node.end) - lineAt(file.text, node.start) + 1;
    ownLines.set(node, lines);
    while (around.length > 0 && around.at(-1)!.end < node.end) around.pop();
    const outer = around.at(-1);
    // The line on which the inner one begins stays with the outer one.
    if (outer !== undefined) ownLines.set(outer, ownLines.get(outer)! - (lines - 1));
    around.push(node);
  }
  return [...ownLines]
    .filter(
      ([node, lines]) => lines > maxFunctionLines && !(`${file.path}:${nameOf(node.id)}` in longFunctions),
    )
    .map(
      ([node, lines]) =>
        `${file.path}:${lineAt(file.text, node.start)} has a function of ${lines} lines; name its steps (at most ${maxFunctionLines})`,
    );
}

/** What reaches for the machine's time or chance, and the seam to take instead. */
const banned: Record<string, string> = {
  "Date.now": "clock.now()",
  "performance.now": "clock.now()",
  "Math.random": "a Random (id.ts)",
  setTimeout: "clock.after() or delay(clock, ...)",
  setInterval: "clock.after(), again at each run",
  setImmediate: "clock.soon()",
};
const seams = /^packages\/warren\/src\/(time\.ts|id\.ts|cli\/)/;

/** Time and randomness are injected in the library: that is what makes runs repeatable. */
export function checkSeams(files: readonly SourceFile[]): string[] {
  return files
    .filter(({ path }) => path.startsWith("packages/warren/src/") && !isTest(path) && !seams.test(path))
    .flatMap((file) => {
      const nodes = nodesOf(file);
      // A socket's own `setTimeout` is not the global one.
      const members = new Set(
        nodes.filter(({ type }) => type === "MemberExpression").map((node) => node.property),
      );
      const found = nodes.flatMap((node) => {
        if (members.has(node)) return [];
        const use = bannedUse(node);
        return use === undefined ? [] : [`${file.path}:${lineAt(file.text, node.start)} uses ${use}`];
      });
      const timers = importsOf(file).filter((target) => /^(node:)?timers/.test(target));
      return [
        ...found,
        ...timers.map((target) => `${file.path} imports ${target}; take a Clock (time.ts) instead`),
      ];
    });
}

function bannedUse(node: Syntax): string | undefined {
  const takesNoTime =
    /^(NewExpression|CallExpression)$/.test(node.type) && (node.arguments as unknown[]).length === 0;
  if (takesNoTime && nameOf(node.callee) === "Date") return "the present Date; take clock.now() instead";
  const name = nameOf(node)?.replace(/^globalThis\./, "");
  if (name === undefined || !Object.hasOwn(banned, name)) return undefined;
  return `${name}; take ${banned[name]} instead`;
}

/** Names that say nothing, defaults that everybody calls differently, and tests that do not run. */
export function checkNames(files: readonly SourceFile[]): string[] {
  return files.flatMap((file) => [...checkPath(file.path), ...checkExports(file), ...checkFocus(file)]);
}

function checkPath(path: string): string[] {
  const vague = /(^|[/-])(utils?|helpers?|common|misc)([/.-]|$)/.test(path);
  const kebab = /(^|\/)\.?[a-z0-9]+(-[a-z0-9]+)*(\.[a-z0-9-]+)*\.tsx?$/.test(path);
  return [
    ...(vague ? [`${path} says nothing about what is in it; name it after its concept`] : []),
    ...(kebab ? [] : [`${path} is not in kebab-case`]),
  ];
}

function checkExports(file: SourceFile): string[] {
  if (!/^(packages|examples|bench|faults|deploy)\/.*\/?src\//.test(file.path)) return [];
  return nodesOf(file)
    .filter(({ type }) => type === "ExportDefaultDeclaration")
    .map(({ start }) => `${file.path}:${lineAt(file.text, start)} has a default export; name it`);
}

function checkFocus(file: SourceFile): string[] {
  return nodesOf(file).flatMap((node) => {
    const name = nameOf(node);
    if (
      name === undefined ||
      !/^(it|test|describe|suite)\.(.*\.)?(only|skip|todo|skipIf|runIf|fails)$/.test(name)
    )
      return [];
    return [`${file.path}:${lineAt(file.text, node.start)} uses ${name}: every test runs, always`];
  });
}
