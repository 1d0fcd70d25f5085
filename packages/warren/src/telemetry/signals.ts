import type { Clock } from "../time.ts";
import type { Counts } from "./counts.ts";
import type { Spans } from "./guarded.ts";
import type { Durations } from "./instruments.ts";

/** What is recorded, and as whose. Traces and metrics are each there or not. */
export interface Signals {
  readonly tracer: Spans | undefined;
  readonly counts: Counts | undefined;
  readonly durations: Durations | undefined;
  readonly clock: Clock;
  /** The transport's name. */
  readonly system: string;
  readonly instance: string;
  /** Whether spans tell how large messages are. */
  readonly bodySize: boolean;
}

/** Seconds that do not jump. */
export function seconds(clock: Clock): number {
  return (clock.steady?.() ?? clock.now()) / 1_000;
}
