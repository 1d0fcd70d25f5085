import { expect, test } from "vitest";
import { mapOf } from "warren";
import { services } from "../src/services.ts";

test("every event of the choreography is taken, what may fail later is undone, and nothing goes in circles", () => {
  const { warnings, events } = mapOf(services);
  expect(warnings).toEqual([]);
  expect(events).toHaveLength(9);
});
