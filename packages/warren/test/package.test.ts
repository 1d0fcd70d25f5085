import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

// The package as its users get it: built, packed and installed into an empty project, without any of its peers.

const repository = new URL("../../../", import.meta.url).pathname;
const manifest = JSON.parse(readFileSync(join(repository, "packages/warren/package.json"), "utf8"));
const folder = mkdtempSync(join(tmpdir(), "warren-package-"));
const project = join(folder, "project");
afterAll(() => rmSync(folder, { recursive: true }));

/**
 * Without what npm told this test of the repository and the broker it may use, for which nothing is installed here, and
 * with the repository's Node.js and TypeScript.
 */
const env = {
  ...Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !name.startsWith("npm_") && name !== "AMQP_URL"),
  ),
  PATH: [dirname(process.execPath), join(repository, "node_modules/.bin"), process.env.PATH].join(delimiter),
};

async function run(cwd: string, program: string, ...args: string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(program, args, { cwd, env });
  return stdout;
}

/** The program that the README shows. */
function shown(): string {
  const readme = readFileSync(join(repository, "README.md"), "utf8");
  return /```ts\n([\s\S]*?)```/.exec(readme)![1]!;
}

beforeAll(async () => {
  await run(repository, "node", "packages/warren/build.ts", join(folder, "built"));
  await run(folder, "npm", "pack", "--silent", "./built");
  const tsconfig = { compilerOptions: { strict: true, module: "nodenext", noEmit: true, types: ["node"] } };
  const files = {
    "package.json": JSON.stringify({ private: true, type: "module" }),
    "tsconfig.json": JSON.stringify(tsconfig),
    "shop.ts": shown(),
  };
  await run(folder, "mkdir", project);
  for (const [name, text] of Object.entries(files)) writeFileSync(join(project, name), text);
  const { zod } = manifest.devDependencies;
  const root = JSON.parse(readFileSync(join(repository, "package.json"), "utf8"));
  await run(
    project,
    "npm",
    ...["install", "--silent", "--prefer-offline", "--no-audit", "--no-fund"],
    ...[join(folder, `warren-${manifest.version}.tgz`), `zod@${zod}`],
    `@types/node@${root.devDependencies["@types/node"]}`,
  );
}, 120_000);

describe("the published package", () => {
  test("runs the program of the README", async () => {
    const said = await run(project, "node", "shop.ts");
    expect(said).toContain("{ left: 0 }");
    expect(said).toContain("to be ordered");
  });

  test("has types for the program of the README, and they find a mistake", async () => {
    await run(project, "tsc");
    writeFileSync(join(project, "wrong.ts"), shown().replace("quantity: 3", "quantity: true"));
    await expect(run(project, "tsc")).rejects.toMatchObject({
      stdout: expect.stringMatching(/^wrong\.ts.*'boolean' is not assignable to type 'number'/m),
    });
  });

  test("has every entry that its manifest names; those for a driver ask for it by name", async () => {
    const missing: Record<string, string> = {
      "./rabbitmq": "amqplib",
      "./messagepack": "msgpackr",
      "./bson": "bson",
      "./gateway": "fastify",
      "./postgres": "pg",
      "./kysely": "kysely",
      "./telemetry": "opentelemetry/",
    };
    for (const entry of Object.keys(manifest.exports)) {
      const name = JSON.stringify(entry.replace(/^\./, "warren"));
      const loaded = run(project, "node", "--eval", `await import(${name}, ${attributesOf(entry)})`);
      if (missing[entry] === undefined) await loaded;
      else
        await expect(loaded).rejects.toMatchObject({
          stderr: expect.stringMatching(`Cannot find package '@?${missing[entry]}`),
        });
    }
  });

  test("says what to install for a message in a codec that is not there", async () => {
    const program = `
      import { app, contract, headers, rpc, service, silent } from "warren";
      import { embedded, embeddedBroker } from "warren/embedded";
      const any = { "~standard": { version: 1, vendor: "any", validate: (value) => ({ value }) } };
      const shop = contract("shop", { methods: { echo: rpc({ input: any, output: any }) } });
      const broker = embeddedBroker();
      await using made = app({
        transport: embedded({ broker }), log: silent,
        services: [service(shop, { methods: { echo: (value) => value } })],
      });
      await made.start();
      const away = embedded({ broker });
      const { promise, resolve } = Promise.withResolvers();
      const { address } = await away.replies(resolve);
      away.send({
        exchange: "", key: "shop.requests", type: "shop.echo", replyTo: address, messageId: "m",
        persistent: false, mandatory: true, contentType: "application/msgpack", body: Buffer.from("01", "hex"),
      });
      const { headers: all, body } = await promise;
      console.log(all[headers.fault], JSON.parse(Buffer.from(body)).message);
      await away.close({ drainMs: 0 });`;
    const said = await run(project, "node", "--input-type=module", "--eval", program);
    expect(said).toMatch(
      /^BAD_MESSAGE .*what reads "application\/msgpack" is not there: npm install msgpackr/,
    );
  });

  test("has a command that runs", async () => {
    expect(await run(project, "npx", "warren", "--version")).toBe(`${manifest.version}\n`);
  });
});

function attributesOf(entry: string): string {
  return entry.endsWith(".json") ? '{ with: { type: "json" } }' : "{}";
}
