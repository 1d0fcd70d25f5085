import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, it } from "vitest";
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

const dataDir = mkdtempSync(join(tmpdir(), "warren-journal-"));
const journaled = embeddedBroker({ dataDir });
transportConformance({
  name: "embedded with a journal",
  describe,
  it,
  create: () => embedded({ broker: journaled }),
});
afterAll(() => {
  journaled.close();
  rmSync(dataDir, { recursive: true });
});
