// What a person mistypes at night must not read like good news, nor cost anything.
import { execFile } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished, vi } from "vitest";
import { amqpUrl } from "../../../test/amqp-url.ts";
import { deadWorld } from "./dead-letters-world.ts";

const main = join(import.meta.dirname, "../src/cli/main.ts");
vi.setConfig({ testTimeout: 60_000 });
const w = deadWorld("rabbitmq");

interface Finished {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

function run(args: readonly string[], env: Record<string, string> = {}): Promise<Finished> {
  const all = { ...process.env, AMQP_URL: amqpUrl(), WARREN_DATA: "", ...env };
  return new Promise((resolve) => {
    execFile(process.execPath, [main, "dead-letters", ...args], { env: all }, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr }),
    );
  });
}

function folder(): string {
  const made = mkdtempSync(join(tmpdir(), "warren-test-"));
  onTestFinished(() => rmSync(made, { recursive: true }));
  return made;
}

it("refuses a reason that no letter can have", async () => {
  expect(await run(["list", "--reason", "faild"])).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("The reasons are failed, given-up, undo-failed, invalid"),
  });
});

it("never writes over an earlier export", async () => {
  await w().put({ id: "a" });
  const file = join(folder(), "letters.jsonl");
  writeFileSync(file, "all that is left\n");
  expect(await run(["export", "--service", w().service, "--to", file])).toMatchObject({
    code: 1,
    stderr: expect.stringContaining("is there already"),
  });
  expect(readFileSync(file, "utf8")).toBe("all that is left\n");
});

it("makes no journal in a folder that has none", async () => {
  const missing = join(folder(), "missing");
  expect(await run(["list"], { AMQP_URL: "", WARREN_DATA: missing })).toMatchObject({
    code: 1,
    stdout: "",
    stderr: expect.stringContaining("there is no broker.db"),
  });
  expect(existsSync(missing)).toBe(false);
});

it("keeps what was written in the editor when it is no JSON", async () => {
  await w().put({ id: "a" });
  const kept = folder();
  const mended = await run(["edit", "a", "--service", w().service], {
    TMPDIR: kept,
    VISUAL: "sed -i s/1/oops/",
  });
  expect(mended).toMatchObject({ code: 1, stderr: expect.stringContaining("no JSON") });
  const [letter] = readdirSync(kept).filter((name) => name.startsWith("warren-letter-"));
  const file = join(kept, letter!, "body.json");
  expect(mended.stderr).toContain(file);
  expect(readFileSync(file, "utf8")).toContain("oops");
});
