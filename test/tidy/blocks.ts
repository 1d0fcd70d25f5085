import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { SourceFile } from "./files.ts";

/**
 * What a reader has who copies all TypeScript of a page, in its order. A block that begins with the name of a file, such as
 * `// main.ts`, begins that file. One that is marked as a part, "```ts part", is not meant to be copied as it is.
 */
export function programsOf(pages: readonly SourceFile[]): SourceFile[] {
  return pages.flatMap(({ path, text }) => {
    const folder = path.replace(/\.md$/, "");
    const files = new Map<string, string>();
    let name = "page.ts";
    for (const [, block = ""] of text.matchAll(/^```ts\n([\s\S]*?)^```$/gm)) {
      name = /^\/\/ ([\w-]+\.ts)\n/.exec(block)?.[1] ?? name;
      files.set(name, `${files.get(name) ?? ""}${block}`);
    }
    return [...files].map(([file, program]) => ({ path: `${folder}/${file}`, text: program }));
  });
}

/** The options that a page says a `tsconfig.json` needs. */
export function shownOptions(page: string): Record<string, unknown> {
  const sentence = /`tsconfig\.json`\s+needs ([^.]*)\./.exec(page)?.[1] ?? "";
  return Object.fromEntries(
    [...sentence.matchAll(/`"(\w+)": ([^`]+)`/g)].map(([, option, value]) => [option, JSON.parse(value!)]),
  );
}

/** Compiles files as a project of their own, beside what is installed in this repository; gives what the compiler says. */
export function compiled(files: readonly SourceFile[], compilerOptions: Record<string, unknown>): string[] {
  const project = mkdtempSync(join(tmpdir(), "warren-docs-"));
  const top = join(import.meta.dirname, "../..");
  const all: Record<string, string> = {
    "package.json": JSON.stringify({ type: "module" }),
    "tsconfig.json": JSON.stringify({ compilerOptions, files: files.map(({ path }) => path) }),
    ...Object.fromEntries(files.map(({ path, text }) => [path, text])),
  };
  try {
    symlinkSync(join(top, "node_modules"), join(project, "node_modules"));
    for (const [path, text] of Object.entries(all)) {
      mkdirSync(dirname(join(project, path)), { recursive: true });
      writeFileSync(join(project, path), text);
    }
    const tsc = join(top, "node_modules/.bin/tsc");
    const { stdout, stderr, error } = spawnSync(tsc, ["-p", "."], { cwd: project, encoding: "utf8" });
    if (error !== undefined) throw error;
    return `${stdout}${stderr}`.split("\n").filter((line) => line !== "");
  } finally {
    rmSync(project, { recursive: true });
  }
}
