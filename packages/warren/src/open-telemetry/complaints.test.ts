import { diag } from "@opentelemetry/api";
import { afterEach, expect, it } from "vitest";
import { type Logger, silent } from "../log.ts";
import { virtualClock } from "../testing/virtual-clock.ts";
import { tellComplaints } from "./complaints.ts";

afterEach(() => diag.disable());

it("tells what the SDK complains of, and the same again after a minute", async () => {
  const told: string[] = [];
  const log: Logger = { ...silent, warn: (data) => told.push((data as { reason: string }).reason) };
  const clock = virtualClock();
  tellComplaints(log, clock);
  const complain = (): void => {
    diag.error("export failed:", new Error("ECONNREFUSED"));
    diag.warn("spans were dropped");
    diag.info("nothing of interest");
  };
  complain();
  complain();
  expect(told).toEqual(["export failed: ECONNREFUSED", "spans were dropped"]);
  await clock.advance(60_000);
  complain();
  expect(told).toHaveLength(4);
});

it("keeps no more texts in mind than there is use for, and no longer ones than can be read", () => {
  let told = 0;
  let longest = 0;
  const log: Logger = {
    ...silent,
    warn(data) {
      told++;
      longest = Math.max(longest, (data as { reason: string }).reason.length);
    },
  };
  tellComplaints(log, virtualClock());
  for (let n = 0; n < 1_000; n++) diag.error(`${n} ${"x".repeat(10_000)}`);
  expect([told, longest]).toEqual([1_000, 2_000]);
});
