import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { expect, it } from "vitest";

const program = (name: string): string => new URL(`./fixtures/${name}.ts`, import.meta.url).pathname;

/** Runs the program, sends the signal when it is ready, and tells what it said and how it ended. */
async function run(
  how: string,
  signal: NodeJS.Signals,
  name = "long-lived",
): Promise<{ said: string[]; code: number | null }> {
  const child = spawn(process.execPath, [program(name), how], { stdio: ["ignore", "pipe", "inherit"] });
  const said: string[] = [];
  createInterface({ input: child.stdout }).on("line", (line) => {
    said.push(line);
    if (said.includes("ready") && (how !== "busy" || said.includes("running"))) child.kill(signal);
  });
  const code = await new Promise<number | null>((resolve) => child.once("close", resolve));
  return { said, code };
}

it.each(["SIGTERM", "SIGINT"] as const)("lives until %s, and ends with code 0", async (signal) => {
  expect(await run("idle", signal)).toEqual({
    said: ["ready", "first", "last, the app is stopped"],
    code: 0,
  });
});

it("finishes what runs before it ends", async () => {
  const { said, code } = await run("busy", "SIGTERM");
  expect(said.slice(-3)).toEqual(["first", "finished", "last, the app is stopped"]);
  expect(code).toBe(0);
});

it.each(["stuck", "broken"])("ends with code 1 where what comes first is %s", async (how) => {
  expect(await run(how, "SIGTERM")).toEqual({ said: ["ready", "first"], code: 1 });
});

it("ends with code 0 in the middle of a start, which fails for no other reason", async () => {
  expect(await run("", "SIGTERM", "starting")).toEqual({
    said: ["ready", "last, the app is stopped"],
    code: 0,
  });
});
