import { describe, expect, it } from "vitest";
import { catalog } from "../scenarios/catalog.ts";
import { mutants } from "./catalog.ts";
import { checkEdits, edited } from "./mutant.ts";

describe("the mutants", () => {
  it.each(mutants.map((mutant) => [mutant.name, mutant] as const))(
    "%s still fits the sources",
    (_name, mutant) => {
      expect(() => checkEdits(mutant)).not.toThrow();
      expect(catalog.map(({ name }) => name)).toContain(mutant.scenario);
    },
  );

  it("are out of date when the text they replace is gone, or there twice", () => {
    const edit = { file: "x.ts", find: "await ", replace: "void " };
    expect(edited("await put()", edit)).toBe("void put()");
    expect(() => edited("put()", edit)).toThrow("there 0 times instead of once");
    expect(() => edited("await a(); await b()", edit)).toThrow("there 2 times");
  });
});

describe("the scenarios", () => {
  it("have names of their own and a line each", () => {
    expect(new Set(catalog.map(({ name }) => name)).size).toBe(catalog.length);
    for (const { name, about } of catalog) {
      expect(name).toMatch(/^[a-z]+(-[a-z]+)*$/);
      expect(about.length).toBeGreaterThan(20);
    }
  });

  it("cover every group of faults that the suite is for", () => {
    const groups = new Set(catalog.flatMap(({ group }) => group.split(", ")));
    for (const group of ["1", "2", "3", "4", "5", "6", "8", "9"]) expect(groups).toContain(group);
  });
});
