import { expect, it } from "vitest";
import { readOptions, UsageError } from "./options.ts";

const known = ["storm", "poison"];
const read = (...args: string[]) => readOptions(args, known, () => 99);

it("reads what is asked for", () => {
  expect(
    read("--scenario", "storm", "--scenario", "poison", "--seed", "7", "--seconds", "3", "--keep"),
  ).toEqual({
    action: "run",
    scenarios: ["storm", "poison"],
    seed: 7,
    seconds: 3,
    nodes: undefined,
    json: false,
    keep: true,
    write: false,
  });
  expect(read("--all", "--nodes", "3", "--json")).toMatchObject({
    action: "run",
    seed: 99,
    nodes: 3,
    json: true,
  });
  expect(read("--list").action).toBe("list");
  expect(read("--mutants").action).toBe("mutants");
  expect(read("--help").action).toBe("help");
});

it.each([
  [[], "Say one of"],
  [["--all", "--mutants"], "Say one of"],
  [["--all", "--scenario", "storm"], "goes with neither"],
  [["--scenario"], "needs a name"],
  [["--scenario", "calm"], 'There is no scenario "calm"'],
  [["--all", "--seed", "x"], 'from 0 to 4294967295, not "x"'],
  [["--all", "--seconds", "0"], "from 1 to 86400"],
  [["--all", "--nodes", "2"], "is 1 or 3"],
  [["--everything"], 'no option "--everything"'],
])("says what is wrong with %j", (args, words) => {
  expect(() => read(...args)).toThrow(UsageError);
  expect(() => read(...args)).toThrow(words);
});
