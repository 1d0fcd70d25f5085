import { Fault } from "../fault.ts";
import type { Incoming } from "../message.ts";
import { type Clock, delay } from "../time.ts";
import { type Consumer, type Disposition, maxPrefetch, type Transport } from "../transport.ts";

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

export interface Picked<T> {
  readonly value: T;
  /** Removes it from its queue. */
  take(): void;
}

/** The first consumer is a small one: from its letters it shows how large letters are. */
const firstPrefetch = 16;
/** What a letter costs beside its body. */
const overheadBytes = 1_024;
/** Letters that were counted but do not come: somebody else has them, or they expired. */
const patienceMs = 1_000;
const maxPatience = 5;

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

/** The messages one consumer got, in their order, as ways to settle them. */
interface Hand {
  readonly consumer: Promise<Consumer>;
  readonly settle: ((disposition: Disposition) => void)[];
  readonly prefetch: number;
  stopped: Promise<void> | undefined;
}

/** Consumers of one queue that settle nothing until they are told to. */
function holding<T>(
  transport: Transport,
  clock: Clock,
  queue: string,
  pick: (message: Incoming) => T | undefined,
) {
  const hands: Hand[] = [];
  const picked: Picked<T>[] = [];
  let bytes = 0;
  let largestBytes = overheadBytes;
  let held = 0;
  let lost = false;
  let failure: { readonly error: unknown } | undefined;
  let wake: (() => void) | undefined;
  const unwatch = transport.watch(({ consuming }) => {
    if (consuming) return;
    lost = true;
    wake?.();
  });

  function hold(message: Incoming, settle: Hand["settle"]): Promise<Disposition> {
    const { promise, resolve } = Promise.withResolvers<Disposition>();
    settle.push(resolve);
    held++;
    const size = message.body.byteLength + overheadBytes;
    largestBytes = Math.max(largestBytes, size);
    try {
      const value = pick(message);
      if (value !== undefined) {
        bytes += size;
        picked.push({ value, take: () => resolve("ack") });
      }
    } catch (error) {
      // Thrown on, it would reject the message, and a dead letter has nowhere else to go.
      failure ??= { error };
    }
    wake?.();
    return promise;
  }

  /** @returns false when what was counted does not come */
  async function arrived(count: number, signal: AbortSignal | undefined): Promise<boolean> {
    let patience = maxPatience;
    while (held < count && !lost && failure === undefined && signal?.aborted !== true) {
      const before = held;
      const timeout = new AbortController();
      wake = () => (held >= count || lost || failure !== undefined ? timeout.abort() : undefined);
      const stop = (): void => timeout.abort();
      signal?.addEventListener("abort", stop, { once: true });
      await delay(clock, patienceMs, timeout.signal);
      signal?.removeEventListener("abort", stop);
      wake = undefined;
      if (held >= count || held > before) continue;
      const left = await transport.inspect(queue);
      if (left === undefined || left.messages === 0 || --patience === 0) return held > before;
    }
    return true;
  }

  /** Ends every consumer, so that nobody gets what is put back; those before the last have their hands full anyway. */
  function close(): void {
    for (const hand of hands) {
      hand.stopped ??= hand.consumer.then((consumer) => consumer.stop());
      // Awaited by `release`, which may be much later.
      hand.stopped.catch(() => undefined);
    }
  }

  async function cancelled(): Promise<void> {
    const last = hands.at(-1);
    if (last === undefined || lost || last.settle.length >= last.prefetch) return;
    for (let i = 0; i < 50 && ((await transport.inspect(queue))?.consumers ?? 0) > 0; i++);
  }

  let released: Promise<void> | undefined;
  async function release(): Promise<void> {
    close();
    await cancelled();
    // One after the other: the broker keeps the order in which they come back.
    for (const hand of hands) {
      for (const settle of hand.settle) settle("requeue");
      await hand.stopped;
    }
    unwatch();
  }

  return {
    picked,
    get bytes() {
      return bytes;
    },
    get largestBytes() {
      return largestBytes;
    },
    get held() {
      return held;
    },
    get lost() {
      return lost;
    },
    get failure() {
      return failure;
    },
    async fill(prefetch: number, signal: AbortSignal | undefined): Promise<boolean> {
      const settle: Hand["settle"] = [];
      const wanted = held + prefetch;
      const options = { prefetch, backTogether: true };
      const consumer = transport.consume(queue, (message) => hold(message, settle), options);
      await consumer;
      hands.push({ consumer, settle, prefetch, stopped: undefined });
      return arrived(wanted, signal);
    },
    close,
    release: () => (released ??= release()),
  };
}
