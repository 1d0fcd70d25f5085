export { kyselyOn } from "./kysely.ts";
