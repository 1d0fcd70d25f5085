import { Fault } from "../fault.ts";
import type { Clock } from "../time.ts";
import { wholeNumber } from "../whole-number.ts";
import { abandoned } from "./abandoned.ts";
import { type Gate, type Guard, type GuardOptions, guard } from "./guard.ts";
import { about, notDone, type Work } from "./work.ts";

export interface BulkheadOptions extends GuardOptions {
  /** How many run at once. A handler that runs on past its deadline still counts. */
  readonly concurrency: number;
  /** How many may wait for a place, the first to come being the first to go. They leave when their time is up. @default 100 */
  readonly maxWaiting?: number;
}

/**
 * Keeps one thing from taking everything: at most `concurrency` at once, some more wait, and the rest is refused with
 * OVERLOADED, whose `data.limit` is `concurrency`. A call's timeout counts the waiting; one that does not get a place
 * in time is OVERLOADED too, as it was never made.
 * @throws TypeError where an option makes no sense
 * @example app({ transport, outgoing: [bulkhead({ concurrency: 20, per: "service" })] })
 */
export function bulkhead(options: BulkheadOptions): Guard {
  const concurrency = wholeNumber("bulkhead: concurrency", options.concurrency, Number.NaN);
  const maxWaiting = wholeNumber("bulkhead: maxWaiting", options.maxWaiting, 100, 0);
  return guard("bulkhead", options, (key, { clock }) => compartment(key, clock, concurrency, maxWaiting));
}

function compartment(key: string, clock: Clock, concurrency: number, maxWaiting: number): Gate {
  let running = 0;
  /** In the order they came: a set keeps the order of insertion. */
  const waiting = new Set<() => void>();

  function overloaded(work: Work, why: string): Fault {
    const message = `${notDone(work)}: ${concurrency} are under way already and ${why} (bulkhead of ${key}).`;
    return new Fault("OVERLOADED", { ...about(work), limit: concurrency }, { message });
  }

  /** @throws Fault OVERLOADED, or what ended the wait */
  function place(work: Work): Promise<void> {
    const { signal } = work;
    if (waiting.size >= maxWaiting)
      throw overloaded(work, maxWaiting === 0 ? "none may wait" : `${maxWaiting} wait`);
    if (signal?.aborted) throw abandoned(work);
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        waiting.delete(go);
        timer?.cancel();
        signal?.removeEventListener("abort", gaveUp);
      };
      const go = (): void => {
        leave();
        resolve();
      };
      const gaveUp = (): void => {
        leave();
        reject(abandoned(work));
      };
      const tooLate = (): void => {
        leave();
        reject(overloaded(work, "none ended in time"));
      };
      // A handler's signal is aborted at its deadline.
      const timer =
        work.kind === "call" ? clock.after(Math.max(0, work.deadline - clock.now()), tooLate) : undefined;
      signal?.addEventListener("abort", gaveUp, { once: true });
      waiting.add(go);
    });
  }

  /** Its place goes to the one that waits the longest. */
  function free(): void {
    const first = waiting.values().next();
    if (first.done) running--;
    else first.value();
  }

  return {
    get idle() {
      return running === 0;
    },
    async pass(work) {
      if (running < concurrency) running++;
      else await place(work);
      try {
        return await work.run();
      } finally {
        free();
      }
    },
  };
}
