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
}

export function turns(clock: Clock, log: Logger): Turns {
  let queues: LiveQueue[] = [];
  let calls: (() => void)[] = [];
  let due = false;

  const run = (): void => {
    due = false;
    const now = queues;
    const calling = calls;
    queues = [];
    calls = [];
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
  };
}
