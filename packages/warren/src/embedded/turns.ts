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
  /** There is to be a turn, if only for the hooks. */
  ask(): void;
}

/** What else a turn is for. */
export interface TurnHooks {
  /** Before anything is handed out. Queues scheduled by it belong to this turn. */
  begin(): void;
  /** When everything is handed out. */
  end(): void;
}

export function turns(clock: Clock, log: Logger, hooks?: TurnHooks): Turns {
  let queues: LiveQueue[] = [];
  let calls: (() => void)[] = [];
  let due = false;
  let ending: PromiseWithResolvers<void> | undefined;

  const run = (): void => {
    hooks?.begin();
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
    hooks?.end();
    ended?.resolve();
  };

  const ask = (): void => {
    if (due) return;
    due = true;
    clock.soon(run);
  };

  return {
    ask,
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
