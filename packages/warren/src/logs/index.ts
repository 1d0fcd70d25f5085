export type { FileOptions } from "./file.ts";
export type { Level, Levels } from "./levels.ts";
export { type LoggerOptions, logger } from "./logger.ts";
export { type PlainOptions, plainLogger } from "./plain.ts";
