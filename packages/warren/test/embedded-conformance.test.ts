import { describe, it } from "vitest";
import { embedded, embeddedBroker } from "../src/embedded/index.ts";
import { transportConformance, virtualClock } from "../src/testing/index.ts";

const broker = embeddedBroker();
transportConformance({ name: "embedded", describe, it, create: () => embedded({ broker }) });

const clock = virtualClock();
const still = embeddedBroker({ clock });
transportConformance({
  name: "embedded under a virtual clock",
  describe,
  it,
  clock,
  create: () => embedded({ broker: still }),
});
