import { argument, say } from "../child.ts";
import { type Load, load } from "../load.ts";
import type { Published } from "./tally.ts";

/** In a publisher: emits under the load its parent asked for, and says what it measured and when. */
export async function publishing(emit: () => Promise<unknown>): Promise<void> {
  const asked = argument<Load>();
  const fromMs = Date.now() + asked.warmupMs;
  let total = 0;
  const measured = await load(async () => {
    await emit();
    total++;
  }, asked);
  say({ ...measured, fromMs, untilMs: fromMs + asked.durationMs, total } satisfies Published &
    typeof measured);
}
