import { clusterScenarios } from "./cluster.ts";
import { lineScenarios } from "./lines.ts";
import { messageScenarios } from "./messages.ts";
import { orderScenarios } from "./order.ts";
import { processScenarios } from "./processes.ts";
import type { Scenario } from "./scenario.ts";
import { singleNodeScenarios } from "./single-node.ts";
import { stormScenarios } from "./storm.ts";
import { topologyScenarios } from "./topology.ts";

/** Every scenario there is; those of a cluster last, since its nodes are started only once. */
export const catalog: readonly Scenario[] = [
  ...processScenarios,
  ...singleNodeScenarios,
  ...lineScenarios,
  ...topologyScenarios,
  ...messageScenarios,
  ...orderScenarios,
  ...stormScenarios,
  ...clusterScenarios,
].toSorted((a, b) => a.nodes - b.nodes);
