import { describe } from "vitest";
import { embedded, embeddedBroker } from "warren/embedded";
import { ways } from "../src/as.ts";
import { manyOrders, singleOrders } from "./scenarios.ts";

describe.each(ways)("as %s, on the embedded broker", (as) => {
  const broker = () => {
    const shared = embeddedBroker();
    return () => embedded({ broker: shared });
  };
  singleOrders({ as, broker });
  manyOrders({ as, broker });
});
