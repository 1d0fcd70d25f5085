export { type Broker, type CutOptions, embeddedBroker } from "./broker.ts";
export type { BrokerOptions } from "./core.ts";
export { type EmbeddedOptions, embedded } from "./transport.ts";
