export type { FaultNode, Restarted } from "./node.ts";
export { type Nodes, type NodesOptions, startNodes } from "./start-nodes.ts";
export type { Policy, QueueState } from "./topology.ts";
