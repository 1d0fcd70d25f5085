export { type BrokerOptions, brokerDown, brokerUp, type RunningBroker } from "./broker.ts";
export { type EndNodeOptions, type NodeOptions, nodeDown, nodeUp } from "./one-node.ts";
export { firstPort } from "./ports.ts";
export { type Greeting, greet } from "./probe.ts";
export { type BrokerStatus, brokerStatus, type NodeStatus } from "./status.ts";
