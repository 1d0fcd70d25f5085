import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: [
      "packages/*/{src,test}/**/*.test.ts",
      "examples/*/{src,test}/**/*.test.ts",
      "bench/src/**/*.test.ts",
      "faults/src/**/*.test.ts",
      "test/**/*.test.ts",
    ],
    globalSetup: ["test/servers.setup.ts"],
    testTimeout: 20_000,
    hookTimeout: 60_000,
  },
});
