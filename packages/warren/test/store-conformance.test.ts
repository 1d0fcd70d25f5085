import { describe, it } from "vitest";
import { storeConformance } from "../src/testing/index.ts";
import { stores } from "./stores.ts";

for (const { name, fresh } of stores) {
  storeConformance({
    name,
    describe,
    it,
    // The databases of `fresh` are deleted behind each test anyway.
    create: async () => ({ store: (await fresh()).open, discard: async () => {} }),
  });
}
