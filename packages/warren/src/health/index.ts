export type { Check, Health, HealthDocument } from "./health.ts";
export { type HealthServer, type HealthServerOptions, type Probed, serveHealth } from "./serve.ts";
