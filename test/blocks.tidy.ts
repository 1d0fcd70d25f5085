import { describe, expect, test, vi } from "vitest";
import { compiled, programsOf, shownOptions } from "./tidy/blocks.ts";
import { filesEndingIn, readJson, type SourceFile } from "./tidy/files.ts";

vi.setConfig({ testTimeout: 60_000 });

/** Those that show Warren to its users. */
const pages = filesEndingIn(".md").filter(({ path }) => path === "README.md" || path.startsWith("docs/"));
const options = shownOptions(pages.find(({ path }) => path === "docs/services.md")!.text);

/** Every entry of the package, in one file. */
function everything(): SourceFile {
  const { exports } = readJson<{ exports: Record<string, unknown> }>("packages/warren/package.json");
  const entries = Object.keys(exports).filter((entry) => !entry.endsWith(".json"));
  const text = entries.map((entry) => `import ${JSON.stringify(entry.replace(".", "warren"))};\n`).join("");
  return { path: "everything.ts", text };
}

describe("what users copy compiles", () => {
  test("every entry of the package and the TypeScript of every page, with the options that docs/services.md shows", () => {
    expect(options).toMatchObject({ module: "nodenext", noEmit: true });
    expect(options).not.toHaveProperty("exactOptionalPropertyTypes");
    const programs = programsOf(pages);
    expect(programs.map(({ path }) => path)).toContain("docs/services/main.ts");
    expect(compiled([everything(), ...programs], options)).toEqual([]);
  });

  test("bites: a block that needs what the page does not have", () => {
    const page = (text: string): SourceFile => ({ path: "docs/guide.md", text });
    const first = "```ts\n// shop.ts\nexport const a = 1;\n```\n";
    const more =
      "```ts\nexport const b = a;\n```\n\n```ts\n// main.ts\nimport { b } from './shop.ts';\nb;\n```\n";
    expect(compiled(programsOf([page(first + more)]), options)).toEqual([]);
    expect(compiled(programsOf([page(more)]), options)).not.toEqual([]);
    expect(programsOf([page("```ts part\nnot.meant;\n```\n")])).toEqual([]);
  });
});
