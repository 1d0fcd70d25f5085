import { setTimeout as sleep } from "node:timers/promises";
import { app, silent } from "warren";
import { embedded } from "warren/embedded";
import { argument, say } from "../child.ts";
import { type Place, storeAt } from "./contract.ts";

/** An app with a store, or none, that has nothing to do: how much of a core it takes. */
const idleAfterMs = 40_000;
const { durationMs, ...place } = argument<Place & { readonly durationMs: number; readonly bare: boolean }>();
const stores = place.bare ? [] : [await storeAt(place)];
const idle = app({ transport: embedded(), stores, log: silent });
await idle.start();
await sleep(idleAfterMs);
const before = process.cpuUsage();
await sleep(durationMs);
const { user, system } = process.cpuUsage(before);
say({ percentOfCore: (user + system) / 10 / durationMs });
await idle.stop();
