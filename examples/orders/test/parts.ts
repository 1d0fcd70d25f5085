import { partNamesOf } from "warren-example-host";
import { friendlyPartners } from "../src/partner.ts";
import { ordersSystem } from "../src/system.ts";

/** What `--only` may name: the same, however orders go and wherever they are kept. */
export const partNames: readonly string[] = partNamesOf([
  ordersSystem({ as: "choreography", place: { dataDir: "" }, partners: friendlyPartners() }),
]);
