import type { Incoming } from "../message.ts";
import { type Clock, delay } from "../time.ts";
import type { Consumer, Disposition, QueueState, Transport } from "../transport.ts";

export interface Picked<T> {
  readonly value: T;
  /** Removes it from its queue. */
  take(): void;
}

/** What a letter costs beside its body and headers. */
const overheadBytes = 1_024;

/** About what a letter takes in memory. Headers count: some senders put more there than into the body. */
export function heldBytes({ body, headers = {} }: Incoming): number {
  let bytes = overheadBytes + body.byteLength;
  for (const value of Object.values(headers)) if (typeof value === "string") bytes += value.length;
  return bytes;
}
/** Letters that were counted but do not come: somebody else has them, or they expired. */
const patienceMs = 1_000;
const maxPatience = 5;

/** The messages one consumer got, in their order, as ways to settle them. */
interface Hand {
  readonly prefetch: number;
  readonly settle: ((disposition: Disposition) => void)[];
  taken: number;
  consumer: Consumer | undefined;
  stopped: Promise<void> | undefined;
}

/** What was taken in hand so far. */
export interface Hands<T> {
  readonly picked: readonly Picked<T>[];
  readonly held: number;
  /** What was picked takes, and what the largest of all takes. */
  readonly bytes: number;
  readonly largestBytes: number;
  readonly lost: boolean;
  /** What `pick` threw. */
  readonly failure: { readonly error: unknown } | undefined;
  /** Takes up to `prefetch` more. @returns false when what was counted does not come */
  fill(prefetch: number, signal: AbortSignal | undefined): Promise<boolean>;
  /** Takes no more. */
  close(): void;
  /** Puts back what was not taken. Idempotent. */
  release(): Promise<void>;
}

/** Consumers of one queue that settle nothing until they are told to. */
export function holding<T>(
  transport: Transport,
  clock: Clock,
  queue: string,
  pick: (message: Incoming) => T | undefined,
): Hands<T> {
  const hands: Hand[] = [];
  const picked: Picked<T>[] = [];
  let bytes = 0;
  let largestBytes = overheadBytes;
  let held = 0;
  let lost = false;
  let failure: { readonly error: unknown } | undefined;
  let wake: (() => void) | undefined;
  let released: Promise<void> | undefined;
  const unwatch = transport.watch(({ consuming }) => {
    if (consuming) return;
    lost = true;
    wake?.();
  });

  function hold(message: Incoming, hand: Hand): Promise<Disposition> {
    const { promise, resolve } = Promise.withResolvers<Disposition>();
    hand.settle.push(resolve);
    held++;
    const size = heldBytes(message);
    largestBytes = Math.max(largestBytes, size);
    try {
      const value = pick(message);
      if (value !== undefined) {
        bytes += size;
        const take = (): void => {
          hand.taken++;
          resolve("ack");
        };
        picked.push({ value, take });
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
      hand.stopped ??= hand.consumer?.stop();
      // Awaited by `release`, which may be much later.
      hand.stopped?.catch(() => undefined);
    }
  }

  /** `undefined` where the broker does not say. What is in hand goes back all the same, though perhaps not in its order. */
  async function ready(): Promise<QueueState | undefined> {
    try {
      return (await transport.inspect(queue)) ?? { messages: 0, consumers: 0 };
    } catch {
      return undefined;
    }
  }

  /** The broker answers before it has done all that follows; after so many questions something else is the matter. */
  async function until(met: (state: QueueState) => boolean): Promise<void> {
    for (let questions = 100; questions > 0 && !lost; questions--) {
      const state = await ready();
      if (state === undefined || met(state)) return;
    }
  }

  async function release(): Promise<void> {
    close();
    const last = hands.at(-1);
    if (last !== undefined && last.settle.length < last.prefetch)
      await until(({ consumers }) => consumers === 0);
    // One after the other, so that they stand in the queue as they stood there before.
    for (const hand of hands) {
      const before = await ready();
      const back = hand.settle.length - hand.taken;
      for (const settle of hand.settle) settle("requeue");
      await hand.stopped;
      if (before !== undefined) await until(({ messages }) => messages >= before.messages + back);
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
      const hand: Hand = { prefetch, settle: [], taken: 0, consumer: undefined, stopped: undefined };
      const wanted = held + prefetch;
      const options = { prefetch, backTogether: true };
      hand.consumer = await transport.consume(queue, (message) => hold(message, hand), options);
      hands.push(hand);
      return arrived(wanted, signal);
    },
    close,
    release: () => (released ??= release()),
  };
}
