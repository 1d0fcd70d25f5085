import type { Dialect } from "../store.ts";

/** One step from a form of Warren's tables to the next. Once released, a step is never changed. */
export interface Migration {
  readonly name: string;
  readonly up: (dialect: Dialect) => readonly string[];
}
