export {
  type BrokerOptions,
  type BrokerStatus,
  brokerDown,
  brokerStatus,
  brokerUp,
  firstPort,
  type RunningBroker,
} from "./broker.ts";
export { type Greeting, greet } from "./probe.ts";
