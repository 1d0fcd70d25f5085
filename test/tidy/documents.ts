import { posix } from "node:path";
import type { SourceFile } from "./files.ts";

type Exists = (path: string) => boolean;

const repositoryPath = /^(packages|examples|bench|faults|docs|test|deploy|\.ci)\/[\w./@-]+$/;
const rootFile = /^([A-Z]+\.md|LICENSE|package\.json|tsconfig\.json|biome\.json|[\w.]+\.config\.ts)$/;

/** A path in backticks is a promise that it is there. */
export function checkNamedPaths(documents: readonly SourceFile[], exists: Exists): string[] {
  return documents.flatMap(({ path, text }) =>
    [...withoutFences(text).matchAll(/`([^`\n]+)`/g)]
      .map((match) => match[1]!.replace(/(:\d+|#.*)$/, ""))
      .filter((named) => (repositoryPath.test(named) || rootFile.test(named)) && !exists(named))
      .map((named) => `${path} names \`${named}\`, which does not exist`),
  );
}

/** A link into the repository leads to a file. */
export function checkLinks(documents: readonly SourceFile[], exists: Exists): string[] {
  return documents.flatMap(({ path, text }) =>
    [...withoutFences(text).matchAll(/\]\(([^)\s]+)\)/g)]
      .map((match) => match[1]!)
      .filter((link) => !/^([a-z]+:|#|\/\/)/i.test(link))
      .filter((link) => !exists(posix.join(posix.dirname(path), decodeURI(link.replace(/[#?].*$/, "")))))
      .map((link) => `${path} links to ${link}, which does not exist`),
  );
}

/** A command that a document shows, code blocks included, is one that the repository has. */
export function checkScripts(documents: readonly SourceFile[], scripts: Record<string, string>): string[] {
  return documents.flatMap(({ path, text }) =>
    [...text.matchAll(/\bnpm run ([a-z][\w:-]*)/g)]
      .filter((match) => !Object.hasOwn(scripts, match[1]!))
      .map((match) => `${path} shows "npm run ${match[1]}", which package.json does not have`),
  );
}

const kinds = ["Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"];

/** The form of keepachangelog.com: dated versions, newest first, entries under one of six kinds. */
export function checkChangelog(text: string): string[] {
  const lines = text.split("\n");
  const problems: string[] = lines[0] === "# Changelog" ? [] : ['the first line is not "# Changelog"'];
  const headings = lines.filter((line) => line.startsWith("## "));
  if (headings.length === 0) problems.push("there is no version");
  for (const [index, heading] of headings.entries()) {
    const isPending = heading === "## Unreleased";
    if (isPending && index > 0) problems.push('"## Unreleased" is not on top');
    if (!isPending && !/^## \d+\.\d+\.\d+ - \d{4}-\d{2}-\d{2}$/.test(heading)) {
      problems.push(`"${heading}" is neither "## Unreleased" nor "## 1.2.3 - 2026-01-31"`);
    }
  }
  const dates = headings.flatMap((heading) => /\d{4}-\d{2}-\d{2}$/.exec(heading)?.[0] ?? []);
  if (dates.join() !== dates.toSorted().toReversed().join())
    problems.push("the versions are not newest first");
  for (const [index, line] of lines.entries()) {
    if (!line.startsWith("### ")) continue;
    if (!kinds.includes(line.slice(4))) problems.push(`"${line}" is none of: ${kinds.join(", ")}`);
    const next = lines.slice(index + 1).find((other) => other.trim() !== "");
    if (next === undefined || next.startsWith("#")) problems.push(`"${line}" on line ${index + 1} is empty`);
  }
  return problems;
}

interface FaultMeaning {
  readonly status: number;
  readonly retryable: boolean;
  readonly meaning: string;
}

/** The page of all system faults, made from the table that the code itself uses. */
export function faultsPage(faults: Record<string, FaultMeaning>): string {
  const rows = Object.entries(faults).map(
    ([code, { status, retryable, meaning }]) =>
      `| \`${code}\` | ${status} | ${retryable ? "yes" : "no"} | ${meaning} |`,
  );
  return `# Faults

<!-- Made from packages/warren/src/fault.ts by \`npm run tidy -- -u\`; edit that file, not this one. -->

Every fault that Warren raises itself. Contracts declare further ones, each with a status of its own. "Again" says
whether the same request may succeed later without being changed; the status is what the gateway answers with.

| Code | HTTP status | Again | Meaning |
|---|---|---|---|
${rows.join("\n")}
`;
}

function withoutFences(text: string): string {
  return text.replace(/^(```|~~~)[\s\S]*?^\1/gm, "");
}
