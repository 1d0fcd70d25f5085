import { describe } from "vitest";
import { embedded, embeddedBroker } from "warren/embedded";
import { orderScenarios } from "./scenarios.ts";

describe.each(["choreography"] as const)("as %s, on the embedded broker", (as) => {
  orderScenarios(as, () => {
    const broker = embeddedBroker();
    return () => embedded({ broker });
  });
});
