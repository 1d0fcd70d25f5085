export { type Composition, type CompositionOptions, compose } from "./compose.ts";
export { drawnFor } from "./drawn.ts";
export { partNamesOf } from "./parts.ts";
export { type About, runExamples } from "./run.ts";
export type { Settings } from "./settings.ts";
export type { Edge, Example, HintsAt, OpenPart, Part, System } from "./system.ts";
export { openTables, type Place, type Tables } from "./tables.ts";
