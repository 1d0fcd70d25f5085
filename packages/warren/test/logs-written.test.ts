import { execFile } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished, test, vi } from "vitest";
import { type LoggerOptions, logger } from "../src/logs/index.ts";

const program = new URL("./fixtures/logging.ts", import.meta.url).pathname;

function folder(): string {
  const made = mkdtempSync(join(tmpdir(), "warren-logs-"));
  onTestFinished(() => rmSync(made, { recursive: true, force: true }));
  return made;
}

/** Runs the program to its end, and gives what it wrote. */
function run(options: LoggerOptions, lines: number, end = "return", env: NodeJS.ProcessEnv = {}) {
  const args = [program, JSON.stringify(options), String(lines), end];
  return new Promise<{ readonly stdout: string; readonly stderr: string }>((resolve) => {
    const given = { env: { PATH: process.env.PATH, ...env }, maxBuffer: 2 ** 28 };
    execFile(process.execPath, args, given, (_error, stdout, stderr) => resolve({ stdout, stderr }));
  });
}

function numbersIn(text: string): number[] {
  return [...text.matchAll(/"n":(\d+)/g)].map(([, n]) => Number(n));
}

const all = (count: number): number[] => Array.from({ length: count }, (_, at) => at + 1);

test.for(["return", "exit", "throw", "kill"])("no line is lost where the process ends by %s", async (end) => {
  const path = join(folder(), "deep", "stock.log");
  const [out, file] = await Promise.all([run({}, 3_000, end), run({ file: path }, 3_000, end)]);
  expect(numbersIn(out.stdout)).toEqual(all(3_000));
  expect(file.stdout).toBe("");
  const [name] = readdirSync(join(path, ".."));
  expect(name).toMatch(/^stock\.\d{4}-\d\d-\d\d\.1\.log$/);
  expect(numbersIn(readFileSync(join(path, "..", name!), "utf8"))).toEqual(all(3_000));
  expect(statSync(join(path, "..", name!)).mode & 0o007).toBe(0);
});

it("writes JSON where nobody looks, and for people where it is asked to, without colours where nobody sees them", async () => {
  const [plain, pretty, err] = await Promise.all([
    run({}, 1),
    run({ pretty: true }, 1, "exit", { NO_COLOR: "1" }),
    run({ to: "stderr" }, 1),
  ]);
  expect(JSON.parse(plain.stdout)).toMatchObject({ msg: "a line", n: 1, password: "[redacted]" });
  expect(pretty.stdout).toMatch(/^\[\d\d:\d\d:\d\d\.\d{3}\] INFO: a line\n {4}n: 1\n/);
  expect(err.stdout).toBe("");
  expect(JSON.parse(err.stderr)).toMatchObject({ msg: "a line" });
});

it("begins a new file when one is full, keeps so many, and goes on where another process ended", async () => {
  const place = folder();
  const path = join(place, "stock.log");
  writeFileSync(join(place, "other.txt"), "mine");
  const sizes = (): number[] =>
    readdirSync(place)
      .filter((name) => name.endsWith(".log"))
      .map((name) => statSync(join(place, name)).size);
  for (let round = 0; round < 2; round++) {
    const log = await logger({ file: { path, maxBytes: 20_000, keep: 3 } });
    for (let n = 0; n < 100; n++) {
      log.info({ n, text: "x".repeat(1_000) }, "a line");
      // A turn of the loop, as between two messages.
      await new Promise((resolve) => setImmediate(resolve));
    }
    await vi.waitFor(() => expect(sizes().length).toBeLessThanOrEqual(4));
    expect(sizes().length).toBeGreaterThan(2);
    for (const size of sizes()) expect(size).toBeLessThan(30_000);
  }
  expect(readFileSync(join(place, "other.txt"), "utf8")).toBe("mine");
});

it("survives that its folder is taken away, and says so once", async () => {
  const place = folder();
  const said = vi.spyOn(process.stderr, "write").mockReturnValue(true);
  onTestFinished(() => said.mockRestore());
  const log = await logger({ file: { path: join(place, "in", "stock.log"), maxBytes: 1_000 } });
  rmSync(join(place, "in"), { recursive: true });
  writeFileSync(join(place, "in"), "a file where the folder was");
  await vi.waitFor(() => {
    log.info({ text: "x".repeat(900) }, "a line");
    expect(said).toHaveBeenCalled();
  });
  expect(said.mock.calls.join("")).toMatch(/The log cannot be written to .*stock\.log: /);
});

it("refuses what cannot be meant", async () => {
  await expect(logger({ file: "x.log", pretty: true })).rejects.toThrow("not to a `file`");
  await expect(logger({ file: { path: "x.log", keep: 0 } })).rejects.toThrow("`file.keep` is 0");
  const nowhere = join(import.meta.filename, "x.log");
  await expect(logger({ file: nowhere })).rejects.toThrow(`logger: no log can be kept at ${nowhere}: `);
});
