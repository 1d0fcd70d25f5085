import { defineConfig } from "vitest/config";

/**
 * Most tests wait for other processes most of the time, so there are more workers than cores. Each has a RabbitMQ of its
 * own; where one is given, all tests share it.
 */
const maxWorkers = process.env.AMQP_URL ? 1 : 3;

export default defineConfig({
  test: {
    include: [
      "packages/*/{src,test}/**/*.test.ts",
      "examples/*/{src,test}/**/*.test.ts",
      "bench/src/**/*.test.ts",
      "faults/src/**/*.test.ts",
      "deploy/*/test/**/*.test.ts",
      "test/**/*.test.ts",
    ],
    globalSetup: ["test/servers.setup.ts"],
    setupFiles: ["test/patience.setup.ts"],
    maxWorkers,
    testTimeout: 20_000,
    hookTimeout: 60_000,
  },
});
