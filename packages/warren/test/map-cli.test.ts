// The commands as people run them: processes of their own, on modules of theirs.
import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Parser } from "@asyncapi/parser";
import { afterAll, describe, expect, test, vi } from "vitest";
import { openGateway } from "../../../examples/host/src/gateway.ts";
import { market } from "../../../examples/market/src/market/contract.ts";
import { notifications } from "../../../examples/market/src/notifications/contract.ts";
import { marketSystem } from "../../../examples/market/src/system.ts";
import { embedded } from "../src/embedded/index.ts";
import { app, silent } from "../src/index.ts";

vi.setConfig({ testTimeout: 60_000 });
const main = join(import.meta.dirname, "../src/cli/main.ts");
const warren = join(import.meta.dirname, "../src/index.ts");
const marketFile = join(import.meta.dirname, "../../../examples/market/src/services.ts");
const folder = mkdtempSync(join(tmpdir(), "warren-map-"));
afterAll(() => rmSync(folder, { recursive: true }));

interface Finished {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

function run(...args: string[]): Promise<Finished> {
  return inNode(main, ...args);
}

function inNode(...args: string[]): Promise<Finished> {
  return new Promise((resolve) => {
    execFile(process.execPath, args, { cwd: folder }, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr }),
    );
  });
}

function module(name: string, text: string): string {
  writeFileSync(join(folder, name), text);
  return name;
}

const building = `import { contract, rpc, service } from ${JSON.stringify(warren)};
const any = { "~standard": { version: 1, vendor: "test", validate: (value: unknown) => ({ value }) } } as const;
const a = contract("a", { methods: { go: rpc() }, events: { done: any } });
const b = contract("b", { events: { lost: any } });
const one = service(a, { methods: { go() {} } });
const other = service(b, { uses: { a }, methods: {}, on: { "a.done": () => {} } });
`;

describe("warren map", () => {
  test("takes services, lists of them, and what services() returns", async () => {
    const forms = [
      "export { one, other };",
      "export const all = [one, other];",
      "export const services = async () => [one, other]; console.log('noise');",
    ];
    const results = await Promise.all(
      forms.map((form, index) => run("map", module(`form-${index}.ts`, building + form), "--json")),
    );
    for (const { stdout, code } of results) {
      expect(code).toBe(0);
      expect(JSON.parse(stdout).services.map(({ name }: { name: string }) => name)).toEqual(["a", "b"]);
    }
    expect(results[2]?.stderr).toBe("noise\nb.lost is taken by nobody.\n");
  });

  test("prints text with warnings, and Mermaid without; --strict fails where there are any", async () => {
    const file = module("strict.ts", `${building}export { one, other };`);
    const [text, mermaid, strict] = await Promise.all([
      run("map", file),
      run("map", file, "--format", "mermaid"),
      run("map", file, "--strict"),
    ]);
    expect(text).toMatchObject({ code: 0, stderr: "" });
    expect(text.stdout).toMatch(
      /^a\n {2}answers go\n\nb\n[\s\S]*\n1 warning\n {2}b\.lost is taken by nobody\.\n$/,
    );
    expect(mermaid.stdout).toMatch(/^flowchart LR\n/);
    expect(mermaid.stderr).toBe("b.lost is taken by nobody.\n");
    expect(strict.code).toBe(1);
  });

  test("takes contracts for services that run elsewhere, and events for heard", async () => {
    const file = module(
      "elsewhere.ts",
      `${building}export { other, a }; export const heard = [b.events.lost];`,
    );
    const { stdout } = await run("map", file);
    expect(stdout).toContain("  a.done → b (from elsewhere)\n  b.lost → beside services\n");
    expect(stdout).not.toContain("warning");
  });

  test("takes the file that package.json names", async () => {
    expect(await run("map")).toMatchObject({ code: 1, stderr: expect.stringContaining("Name the file") });
    module("package.json", '{ "warren": { "services": "named.ts" } }');
    module("named.ts", `${building}export { one };`);
    expect((await run("map")).stdout).toMatch(/^a\n/);
    rmSync(join(folder, "package.json"));
  });

  test("maps the market", async () => {
    const { stdout, stderr } = await run("map", marketFile);
    expect(stdout).toContain("market.sold          → notifications\n");
    expect(stdout + stderr).not.toContain("warning");
  });

  test.each([
    ["a file that is not there", undefined, /^There is no file .*\.ts\.\n$/],
    ["a syntax error", "export const services = [;", /could not be imported: [\s\S]*at broken-\d+\.ts:1/],
    [
      "nothing of interest in it",
      "export const n = 1, f = () => [], nothing = null;",
      /exports no service and no saga/,
    ],
    [
      "an error while it is imported",
      "\nthrow new Error('no DATABASE_URL');",
      /imported: no DATABASE_URL\n {2}at broken-\d+\.ts:2/,
    ],
    [
      "an error in its services()",
      "export function services() { throw new Error('oh') }",
      /asked for its services\(\): oh/,
    ],
    ["an import that is missing", "import 'not-installed';", /could not be imported: .*not-installed/],
    [
      "a wait without end",
      "await new Promise(() => {});",
      /was not imported within 10 s: it waits for something/,
    ],
    [
      "a wait without end beside a timer, which would keep the process",
      "setInterval(() => {}, 1_000); await new Promise(() => {});",
      /was not imported within 10 s: it waits for something/,
    ],
  ])("says what is wrong with %s", async (_what, text, message) => {
    const name = `broken-${text?.length}.ts`;
    if (text !== undefined) module(name, text);
    const { code, stdout, stderr } = await run("map", name);
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toMatch(message);
    expect(stderr).not.toContain("node:internal");
  });

  test("ends although the module has started a server, and says so", async () => {
    const server = "import { createServer } from 'node:http'; createServer().listen(0, '127.0.0.1');";
    const file = module("server.ts", `${building}${server} export { one };`);
    const { code, stdout, stderr } = await run("map", file);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^a\n/);
    expect(stderr).toMatch(/^server\.ts has opened a server or connection .* only builds services\.\n/);
  });

  test("explains itself", async () => {
    expect((await run("map", "--help")).stdout).toContain('{ "warren": { "services": "src/services.ts" } }');
    expect((await run("docs", "asyncapi", "--help")).stdout).toContain("--service <name>");
  });
});

test("whatever is used wrongly ends with exit code 2, and names the help", async () => {
  const wrong: [args: string, help: string][] = [
    ["mpa", "npx warren --help"],
    ["docs asyncpi", "npx warren docs --help"],
    ["map --format dot", "npx warren map --help"],
    ["database upp", "npx warren database --help"],
    ["database up --port abc", "npx warren database up --help"],
    ["conversations list --state stuk", "npx warren conversations list --help"],
  ];
  const results = await Promise.all(wrong.map(([args]) => run(...args.split(" "))));
  for (const [index, { code, stderr }] of results.entries()) {
    expect({ args: wrong[index]![0], code }).toEqual({ args: wrong[index]![0], code: 2 });
    expect(stderr).toContain(wrong[index]![1]);
  }
  expect(await run("map", "--help")).toMatchObject({
    code: 0,
    stdout: expect.stringContaining("Exit codes: 0 done"),
  });
});

test("on a Node.js that cannot run it, the command says which one it needs", async () => {
  const bin = join(import.meta.dirname, "../bin/warren.js");
  const older =
    "Object.defineProperties(process, { version: { value: 'v20.19.1' }, versions: { value: { ...process.versions, node: '20.19.1' } } })";
  const preload = `--import=data:text/javascript,${encodeURIComponent(older)}`;
  const [old, own] = await Promise.all([inNode(preload, bin, "--version"), inNode(bin, "--version")]);
  const { engines, version } = JSON.parse(
    readFileSync(join(import.meta.dirname, "../package.json"), "utf8"),
  ) as { engines: { node: string }; version: string };
  expect(old).toEqual({
    code: 1,
    stdout: "",
    stderr: `Warren needs Node.js ${engines.node.slice(2)} or later; this is v20.19.1.\n`,
  });
  expect(own).toEqual({ code: 0, stdout: `${version}\n`, stderr: "" });
});

describe("warren docs", () => {
  test("openapi is the document that the gateway serves", async () => {
    const system = app({ transport: embedded(), contracts: [market, notifications], log: silent });
    const secret = "a secret that is long enough for this".repeat(2);
    const { server, close } = await openGateway(system, [
      marketSystem({ dataDir: folder, secret: () => secret }),
    ]);
    const served = (await server.inject("/openapi.json")).json();
    await close();
    await system.stop();
    const { stdout } = await run(
      "docs",
      "openapi",
      marketFile,
      "--title",
      "Market",
      "--api-version",
      "0.1.0",
    );
    expect(JSON.parse(stdout)).toEqual(served);
  });

  test("asyncapi is valid, the same each time, and without password", async () => {
    const url = "amqp://ada:hunter2@localhost/shop";
    const first = await run("docs", "asyncapi", marketFile, "--url", url);
    const out = join(folder, "market.json");
    expect(await run("docs", "asyncapi", marketFile, "--url", url, "--out", out)).toMatchObject({
      code: 0,
      stdout: "",
    });
    expect(readFileSync(out, "utf8")).toBe(first.stdout);
    expect(first.stdout).not.toContain("hunter2");
    const { document, diagnostics } = await new Parser().parse(first.stdout);
    expect(
      diagnostics.filter(({ severity, code }) => severity <= 1 && code !== "asyncapi-latest-version"),
    ).toEqual([]);
    expect(document?.info().title()).toBe("warren-example-market");
  });

  test("asyncapi is of one service where that is asked for, and names those there are", async () => {
    const one = await run("docs", "asyncapi", marketFile, "--service", "notifications");
    expect(Object.keys(JSON.parse(one.stdout).operations)).toEqual([
      "notifications.latest",
      "notifications.on.market.sold",
      "notifications.posted.emit",
    ]);
    expect(await run("docs", "asyncapi", marketFile, "--service", "typo")).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('has no "typo". It has: market, notifications.'),
    });
  });

  test("says where there is nothing to describe", async () => {
    const file = module("none.ts", "export {};");
    for (const kind of ["asyncapi", "openapi"])
      expect(await run("docs", kind, file)).toMatchObject({
        code: 1,
        stderr: expect.stringContaining("none.ts exports no service and no contract."),
      });
  });
});
