import type { Clock } from "../time.ts";

/**
 * Suspects a channel on which the broker refuses again and again: RabbitMQ 3.10 does so for good once a quorum queue
 * was full, although it has room again. Nothing more is to be written to a suspect, which is replaced once all that
 * was is confirmed or refused.
 */
export interface RefusingChannel {
  readonly suspected: boolean;
  /** A message was refused that had been so `before` times already. */
  refused(before: number): void;
  /** There is a new channel. */
  replaced(): void;
}

/** How often one message is refused before its channel is suspected, and how often a channel is replaced for that. */
const refusalsToSuspect = 3;
const replaceEveryMs = 5_000;

export function refusingChannel(clock: Clock): RefusingChannel {
  let suspected = false;
  let mayReplaceAt = 0;
  return {
    get suspected() {
      return suspected;
    },
    refused(before) {
      if (before < refusalsToSuspect || clock.now() < mayReplaceAt) return;
      suspected = true;
      mayReplaceAt = clock.now() + replaceEveryMs;
    },
    replaced() {
      suspected = false;
    },
  };
}
