export type { Features } from "./conformance/stage.ts";
export { type ConformanceOptions, transportConformance } from "./conformance/suite.ts";
export type { ConformanceDatabase } from "./store-conformance/stage.ts";
export { type StoreConformanceOptions, storeConformance } from "./store-conformance/suite.ts";
export { type TcpDirection, type TcpProxy, type TcpProxyMode, tcpProxy } from "./tcp-proxy.ts";
export { type VirtualClock, virtualClock } from "./virtual-clock.ts";
