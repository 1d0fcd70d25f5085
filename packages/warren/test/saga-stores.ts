import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Store } from "../src/index.ts";
import { sqlite } from "../src/sqlite/index.ts";

export interface OpenedStores {
  store(): Store;
  close(): Promise<void>;
}
export interface TestStore {
  readonly name: string;
  open(): Promise<OpenedStores>;
}

export const stores: readonly TestStore[] = [
  {
    name: "sqlite",
    async open() {
      const folder = mkdtempSync(join(tmpdir(), "warren-saga-"));
      const made: Store[] = [];
      return {
        store() {
          const store = sqlite({ file: join(folder, "state.db") });
          made.push(store);
          return store;
        },
        async close() {
          await Promise.all(made.map((store) => store.close()));
          rmSync(folder, { recursive: true });
        },
      };
    },
  },
];
