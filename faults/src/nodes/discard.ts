import { rmSync } from "node:fs";
import { brokerDown } from "warren/broker";

// Run by the guard: ends the nodes in a folder, paused ones too, and deletes it.
const dataDir = process.argv[2];
if (dataDir === undefined) throw new Error("Name the folder of the nodes.");
await brokerDown(dataDir, { discard: true });
rmSync(dataDir, { recursive: true, force: true, maxRetries: 5 });
