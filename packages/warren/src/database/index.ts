export {
  type DatabaseOptions,
  databaseDown,
  databaseUp,
  firstPort,
  type RunningDatabase,
} from "./database.ts";
export { type DatabaseStatus, databaseStatus } from "./status.ts";
