import { expect, it } from "vitest";
import { replaced } from "./page.ts";

const page = "# Page\n<!-- results: written by npm run faults -->\nold\n<!-- end of results -->\nrest\n";

it("replaces what is between the marks, and only that", () => {
  const once = replaced(page, "results", "new\n");
  expect(once).toBe(
    "# Page\n<!-- results: written by npm run faults -->\n\nnew\n\n<!-- end of results -->\nrest\n",
  );
  expect(replaced(once, "results", "new")).toBe(once);
});

it("says what is missing in a page without marks", () => {
  expect(() => replaced(page, "mutants", "x")).toThrow('has no "<!-- mutants');
});
