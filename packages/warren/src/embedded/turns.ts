import type { Logger } from "../log.ts";
import type { Clock } from "../time.ts";
import type { LiveQueue } from "./queue.ts";

/**
 * What the broker does once the code at hand has finished: hand out messages, and tell senders what came back. One
 * `soon` serves all that gathered until it runs; what that work brings up waits for the next one.
 */
export interface Turns {
  schedule(queue: LiveQueue): void;
  call(run: () => void): void;
  /** Resolves at the end of the next turn: one promise for all who ask before it. */
  over(): Promise<void>;
}

export function turns(clock: Clock, log: Logger): Turns {
  let queues: LiveQueue[] = [];
  let calls: (() => void)[] = [];
  let due = false;
  let ending: PromiseWithResolvers<void> | undefined;

  const run = (): void => {
    due = false;
    const now = queues;
    const calling = calls;
    const ended = ending;
    queues = [];
    calls = [];
    ending = undefined;
    for (const call of calling) {
      try {
        call();
      } catch (error) {
        log.error({ err: error }, "a callback given to the embedded broker failed");
      }
    }
    for (const queue of now) {
      queue.scheduled = false;
      queue.dispatch();
    }
    ended?.resolve();
  };

  const ask = (): void => {
    if (due) return;
    due = true;
    clock.soon(run);
  };

  return {
    schedule(queue) {
      if (queue.scheduled) return;
      queue.scheduled = true;
      queues.push(queue);
      ask();
    },
    call(run) {
      calls.push(run);
      ask();
    },
    over() {
      ending ??= Promise.withResolvers<void>();
      ask();
      return ending.promise;
    },
  };
}
