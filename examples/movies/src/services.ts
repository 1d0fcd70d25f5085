import type { Service } from "warren";
import { sqlite } from "warren/sqlite";
import { dbService } from "./db/service.ts";
import { pilotService } from "./pilot/service.ts";

// What `npx warren map` and `npx warren docs` look at. Nothing is opened and nothing is run.
const store = sqlite<never>();

export const services: readonly Service[] = [
  pilotService(store),
  dbService({ store, disk: { reach: () => undefined } }),
];
