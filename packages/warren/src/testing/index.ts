export type { Features } from "./conformance/stage.ts";
export { type ConformanceOptions, transportConformance } from "./conformance/suite.ts";
export { type VirtualClock, virtualClock } from "./virtual-clock.ts";
