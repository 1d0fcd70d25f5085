import { defineConfig } from "vitest/config";

/** The rules of the house, which need neither a broker nor much time; `npm run tidy`. */
export default defineConfig({
  test: { include: ["test/**/*.tidy.ts"] },
});
