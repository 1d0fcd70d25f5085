import { Fault } from "../fault.ts";
import type { Incoming } from "../message.ts";
import type { Clock } from "../time.ts";
import { maxPrefetch, type Transport } from "../transport.ts";
import { holding, type Picked } from "./hands.ts";

export interface LookLimits {
  /** How many letters one look holds. */
  readonly letters: number;
  /** What those that were picked may take together, in bytes. */
  readonly bytes: number;
}

/** Letters in hand: nobody else gets them, and none has left its queue. */
export interface Look<T> {
  readonly picked: readonly Picked<T>[];
  /** How many were seen, the oldest of the queue. */
  readonly looked: number;
  /** How many there were at the beginning. */
  readonly total: number;
  /** The connection broke: all that was not taken is back in its queue, and of what was taken the last may be. */
  readonly lost: boolean;
  /** Puts back what was not taken, each to its place. Idempotent. */
  end(): Promise<void>;
}

/** The first consumer is a small one: from its letters it shows how large letters are. */
const firstPrefetch = 16;

/**
 * Holds what lies in a queue now, at most `limits.letters` of it, and gives each message to `pick`; what `pick` returns
 * stays in memory and can be taken. What comes into the queue meanwhile is not looked at. Ends early when `signal` is
 * aborted.
 * @throws Fault UNAVAILABLE when the connection is lost; then everything is as it was
 */
export async function lookThrough<T>(
  transport: Transport,
  clock: Clock,
  queue: string,
  limits: LookLimits,
  signal: AbortSignal | undefined,
  pick: (message: Incoming) => T | undefined,
): Promise<Look<T>> {
  const total = (await transport.inspect(queue))?.messages ?? 0;
  const hands = holding(transport, clock, queue, pick);
  try {
    const most = Math.min(total, limits.letters);
    while (hands.held < most && hands.bytes < limits.bytes && !hands.lost && signal?.aborted !== true) {
      const room = Math.floor((limits.bytes - hands.bytes) / hands.largestBytes);
      const prefetch = Math.min(most - hands.held, room, hands.held === 0 ? firstPrefetch : maxPrefetch);
      if (!(await hands.fill(Math.max(1, prefetch), signal))) break;
    }
    hands.close();
    if (hands.failure !== undefined) throw hands.failure.error;
    if (hands.lost) throw connectionLost(queue);
  } catch (error) {
    await hands.release();
    throw error;
  }
  return {
    picked: hands.picked,
    looked: hands.held,
    total,
    get lost() {
      return hands.lost;
    },
    end: hands.release,
  };
}

export function connectionLost(queue: string): Fault {
  return new Fault(
    "UNAVAILABLE",
    { queue },
    {
      message: `The connection was lost while ${queue} was looked through; what was not decided yet is back in it. Try again.`,
    },
  );
}
