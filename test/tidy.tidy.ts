import { describe, expect, test } from "vitest";
import { systemFaults } from "../packages/warren/src/fault.ts";
import { checkFileSizes, checkFunctionSizes, checkNames, checkSeams } from "./tidy/code.ts";
import { checkChangelog, checkLinks, checkNamedPaths, checkScripts, faultsPage } from "./tidy/documents.ts";
import { filesEndingIn, isIgnored, isInRepository, readJson, type SourceFile } from "./tidy/files.ts";
import { checkLayering } from "./tidy/layering.ts";
import { checkDependencies, type Manifest } from "./tidy/packages.ts";

const code = filesEndingIn(".ts", ".tsx").filter(({ path }) => !path.endsWith(".d.ts"));
const documents = filesEndingIn(".md");
const src = "packages/warren/src/";

const tooLong = "has a function of 71 lines; name its steps (at most 70)";

/** A file of the library that exists in this test only. */
function library(path: string, text: string): SourceFile {
  return { path: src + path, text };
}

function page(text: string): SourceFile {
  return { path: "docs/guide.md", text };
}

test("the rules see the repository at all", () => {
  expect(code.some(({ path }) => path === `${src}fault.ts`)).toBe(true);
});

describe("imports point from features to vocabulary, never back", () => {
  test("in this repository", () => expect(checkLayering(code)).toEqual([]));
  test.for([
    ["time.ts", "./rpc/caller.ts", "vocabulary uses a feature"],
    ["rpc/caller.ts", "../app.ts", "a feature uses the composition"],
    ["rpc/caller.ts", "../rabbitmq/index.ts", "a feature knows a transport"],
    ["rabbitmq/wire.ts", "../embedded/index.ts", "a transport knows another"],
    ["rabbitmq/wire.ts", "../rpc/caller.ts", "a transport knows a feature"],
    ["gateway/routes.ts", "../rpc/caller.ts", "the gateway looks behind the public API"],
    ["open-telemetry/index.ts", "../rpc/caller.ts", "what sets telemetry up knows what is measured"],
    ["rpc/caller.ts", "../open-telemetry/index.ts", "a feature needs the SDK"],
    ["broker/node.ts", "../index.ts", "the broker command's engine uses the public API"],
    ["app.ts", "./testing/index.ts", "the library uses its test tools"],
    ["testing/index.ts", "../gateway/index.ts", "the test tools use the gateway"],
    ["cli/main.ts", "../../test/broker.test.ts", "source uses a test"],
  ] as const)("bites: %s must not import %s (%s)", ([from, target]) => {
    expect(checkLayering([library(from, `import { x } from "${target}";`)])).toHaveLength(1);
    expect(checkLayering([library(from, `export * from "${target}";`)])).toHaveLength(1);
    expect(checkLayering([library(from, `const x = await import("${target}");`)])).toHaveLength(1);
  });
  test.for([
    ["rpc/caller.ts", "../time.ts"],
    ["rpc/caller.ts", "../events/publisher.ts"],
    ["app.ts", "./rpc/caller.ts"],
    ["rabbitmq/wire.ts", "../contract/schema.ts"],
    ["gateway/push/socket.ts", "../../index.ts"],
    ["cli/broker.ts", "../broker/index.ts"],
  ] as const)("allows %s to import %s", ([from, target]) => {
    expect(checkLayering([library(from, `import { x } from "${target}";`)])).toEqual([]);
  });
});

describe("files and functions stay small enough to be read at once", () => {
  test("files of this repository", () => expect(checkFileSizes(code)).toEqual([]));
  test("functions of this repository", () => expect(checkFunctionSizes(code)).toEqual([]));
  test("bites on 401 lines", () => {
    expect(checkFileSizes([library("long.ts", "x;\n".repeat(400))])).toEqual([]);
    expect(checkFileSizes([library("long.ts", "x;\n".repeat(401))])).toHaveLength(1);
  });
  test.for(["function f() {", "const f = () => {", "const o = { f() {"])(
    "bites on 71 lines after: %s",
    (head) => {
      const end = head.endsWith("f() {") && head.startsWith("const o") ? "} };" : "};";
      const file = (lines: number): SourceFile =>
        library("long.ts", `${head}\n${"x;\n".repeat(lines - 2)}${end}`);
      expect(checkFunctionSizes([file(70)])).toEqual([]);
      expect(checkFunctionSizes([file(71)])).toHaveLength(1);
    },
  );
  test("counts a function inside another once, and bites there", () => {
    const inner = (lines: number): string => `  function inner() {\n${"x;\n".repeat(lines - 2)}  }\n`;
    const outer = (body: string): SourceFile => library("factory.ts", `function outer() {\n${body}}`);
    expect(checkFunctionSizes([outer(inner(60) + inner(60))])).toEqual([]);
    expect(checkFunctionSizes([outer(inner(71))])).toEqual([`${src}factory.ts:2 ${tooLong}`]);
    expect(checkFunctionSizes([outer(inner(9) + "x;\n".repeat(68))])).toEqual([
      `${src}factory.ts:1 ${tooLong}`,
    ]);
  });
});

describe("time and chance are injected", () => {
  test("in this repository", () => expect(checkSeams(code)).toEqual([]));
  test.for([
    "const now = Date.now();",
    "const at = new Date();",
    "const text = Date();",
    "setTimeout(run, 5);",
    "globalThis.setInterval(run, 5);",
    "const later = setImmediate;",
    "const chance = Math.random();",
    "const start = performance.now();",
    'import { setTimeout as sleep } from "node:timers/promises";',
  ])("bites: %s", (line) => {
    expect(checkSeams([library("rpc/caller.ts", line)])).not.toEqual([]);
    expect(checkSeams([library("time.ts", line)]), "the seam itself may").toEqual([]);
  });
  test.for([
    "const at = new Date(clock.now());",
    "// Date.now()",
    'const text = "setTimeout";',
    "clearTimeout(timer);",
    "socket.setTimeout(5);",
  ])("allows: %s", (line) => expect(checkSeams([library("rpc/caller.ts", line)])).toEqual([]));
});

describe("names say what is behind them, and every test runs", () => {
  test("in this repository", () => expect(checkNames(code)).toEqual([]));
  test.for([
    ["rpc/utils.ts", ""],
    ["common/types.ts", ""],
    ["rpc/call-helpers.ts", ""],
    ["rpc/PendingCalls.ts", ""],
    ["rpc/caller.ts", "export default function caller() {}"],
    ["rpc/caller.test.ts", 'test.only("x", () => {});'],
    ["rpc/caller.test.ts", 'describe.skip("x", () => {});'],
    ["rpc/caller.test.ts", 'test.skipIf(slow)("x", () => {});'],
  ] as const)("bites: %s %s", ([path, text]) => {
    expect(checkNames([library(path, text)])).toHaveLength(1);
  });
});

describe("the package declares what it imports", () => {
  test("packages/warren", () => {
    expect(checkDependencies(readJson<Manifest>("packages/warren/package.json"), code, src)).toEqual([]);
  });
  const optional = { peerDependencies: { jose: "1" }, peerDependenciesMeta: { jose: { optional: true } } };
  const use = library("gateway/auth.ts", 'import { jwtVerify } from "jose";');
  test.for<[string, Manifest, SourceFile[]]>([
    ["an import that nobody declared", {}, [use]],
    ["a scoped import that nobody declared", {}, [library("a.ts", 'import x from "@fastify/cors/types";')]],
    ["a peer that nobody imports", optional, []],
    ["a peer used in a test only", optional, [{ ...use, path: `${src}gateway/auth.test.ts` }]],
    ["a dependency that nobody imports", { dependencies: { pino: "1" } }, []],
    ["a peer that is not optional", { peerDependencies: { jose: "1" } }, [use]],
    [
      "OpenTelemetry's API outside of its folder",
      { dependencies: { "@opentelemetry/api": "1" } },
      [library("rpc/caller.ts", 'import { trace } from "@opentelemetry/api";')],
    ],
    [
      "an optional peer in two folders",
      optional,
      [use, library("rpc/key.ts", 'import type { JWK } from "jose";')],
    ],
  ])("bites: %s", ([, manifest, files]) => {
    expect(checkDependencies(manifest, files, src)).toHaveLength(1);
  });
  test("allows a declared peer in one folder", () => {
    expect(checkDependencies(optional, [use], src)).toEqual([]);
  });
});

describe("documents tell the truth about the repository", () => {
  const { scripts } = readJson<{ scripts: Record<string, string> }>("package.json");
  /** What a build makes may be named before the first build. */
  const mayBeNamed = (path: string): boolean => isInRepository(path) || isIgnored(path);
  test("paths in backticks", () => expect(checkNamedPaths(documents, mayBeNamed)).toEqual([]));
  test("links", () => expect(checkLinks(documents, isInRepository)).toEqual([]));
  test("commands", () => expect(checkScripts(documents, scripts)).toEqual([]));
  test("bites: a path that is gone", () => {
    const text =
      "See `packages/warren/src/gone.ts:12`, `GONE.md` and `docs/`, not `shop/src/main.ts` or `stock.ts`.";
    expect(checkNamedPaths([page(text)], mayBeNamed)).toHaveLength(2);
  });
  test("allows a path that Git ignores, whether it is there or not, and bites beside it", () => {
    const text = "`packages/gone/dist`, `packages/gone/dist/index.js`, `packages/gone/src`";
    expect(checkNamedPaths([page(text)], mayBeNamed)).toEqual([
      "docs/guide.md names `packages/gone/src`, which does not exist",
    ]);
  });
  test("bites: a link that leads nowhere", () => {
    const text = "[a](../gone.md#top) [b](../package.json) [c](https://example.org/gone) [d](#here)";
    expect(checkLinks([page(text)], isInRepository)).toHaveLength(1);
  });
  test("bites: a command that is gone", () => {
    expect(checkScripts([page("```sh\nnpm run gone\nnpm run check\n```")], scripts)).toHaveLength(1);
  });
});

describe("the changelog keeps its form", () => {
  test("in this repository", () => {
    for (const { text } of documents.filter(({ path }) => path === "CHANGELOG.md"))
      expect(checkChangelog(text)).toEqual([]);
  });
  const good =
    "# Changelog\n\n## Unreleased\n\n### Added\n\n- x\n\n## 0.2.0 - 2026-02-01\n\n### Fixed\n\n- y\n\n## 0.1.0 - 2026-01-01\n";
  test("accepts a good one", () => expect(checkChangelog(good)).toEqual([]));
  test.for([
    ["no title", good.replace("# Changelog", "# History")],
    ["no date", good.replace(" - 2026-02-01", "")],
    ["wrong order", good.replace("2026-02-01", "2025-02-01")],
    ["an unknown kind", good.replace("### Fixed", "### Stuff")],
    ["an empty kind", good.replace("- y\n", "")],
    ["no version", "# Changelog\n"],
    ["unreleased below a release", `${good}\n## Unreleased\n`],
  ] as const)("bites: %s", ([, text]) => expect(checkChangelog(text)).toHaveLength(1));
});

describe("every system fault is documented", () => {
  test("docs/errors.md is what the table of faults says", async () => {
    await expect(faultsPage(systemFaults)).toMatchFileSnapshot("../docs/errors.md");
  });
  test("bites: the page changes with the table", () => {
    const row = { status: 418, retryable: false, meaning: "It is a teapot." };
    expect(faultsPage({ TEAPOT: row })).toContain("| `TEAPOT` | 418 | no | It is a teapot. |");
  });
});
