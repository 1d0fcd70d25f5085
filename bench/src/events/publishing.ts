import { argument, say } from "../child.ts";
import { type Load, load } from "../load.ts";
import { cpuSince, type Published } from "./tally.ts";

/** In a publisher: emits under the load its parent asked for, and says what it measured and when. */
export async function publishing(emit: () => Promise<unknown>): Promise<void> {
  const asked = argument<Load>();
  const fromMs = Date.now() + asked.warmupMs;
  let total = 0;
  const before = process.cpuUsage();
  const measured = await load(async () => {
    await emit();
    total++;
  }, asked);
  const cpuMicroseconds = cpuSince(before) / total;
  const untilMs = fromMs + asked.durationMs;
  say({ ...measured, fromMs, untilMs, total, cpuMicroseconds } satisfies Published & typeof measured);
}
