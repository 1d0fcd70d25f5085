import type { Logger } from "../log.ts";
import type { Incoming } from "../message.ts";
import type { Disposition, Handle } from "../transport.ts";
import type { LiveQueue, Taker } from "./queue.ts";
import type { Stored } from "./stored.ts";

/** A consumer as its transport keeps it: attached to a queue, and to the same one again after a lost connection. */
export class Subscription implements Taker {
  readonly queueName: string;
  readonly #handle: Handle;
  readonly #prefetch: number;
  readonly #log: Logger;
  #queue: LiveQueue | undefined;
  /** In order of delivery. Empty after a cut, while handlers may still run: the broker has taken those messages back. */
  readonly #unsettled = new Set<Stored>();
  #running = 0;
  #stopping: { readonly done: Promise<void>; readonly finish: () => void } | undefined;

  constructor(queueName: string, handle: Handle, prefetch: number, log: Logger) {
    this.queueName = queueName;
    this.#handle = handle;
    this.#prefetch = prefetch;
    this.#log = log;
  }

  attach(queue: LiveQueue): void {
    this.#queue = queue;
    queue.add(this);
  }

  /** The connection is gone: everything unsettled goes back. */
  drop(): void {
    const queue = this.#queue;
    if (queue === undefined) return;
    this.#queue = undefined;
    queue.remove(this);
    const back = [...this.#unsettled].reverse();
    this.#unsettled.clear();
    for (const message of back) {
      if (queue.recall(message)) this.#ended();
      queue.giveBack(message);
    }
  }

  stop(): Promise<void> {
    if (this.#stopping === undefined) {
      this.#queue?.remove(this);
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#stopping = { done: promise, finish: resolve };
      if (this.#running === 0) resolve();
    }
    return this.#stopping.done;
  }

  get stopping(): boolean {
    return this.#stopping !== undefined;
  }

  free(): number {
    return this.#prefetch - this.#unsettled.size;
  }

  hold(message: Stored): void {
    this.#unsettled.add(message);
    this.#running++;
  }

  run(message: Stored): void {
    let outcome: Disposition | Promise<Disposition>;
    try {
      outcome = this.#handle(message.message);
    } catch (error) {
      this.#failed(message, error);
      return;
    }
    // Settled here and now where the handler is done, which saves a promise and two closures per message.
    if (typeof outcome === "string") this.#settle(message, outcome);
    else
      outcome.then(
        (disposition) => this.#settle(message, disposition),
        (error: unknown) => this.#failed(message, error),
      );
  }

  #failed(message: Stored, error: unknown): void {
    this.#log.error(
      { err: error, queue: this.queueName },
      "a message handler threw; its message is rejected",
    );
    this.#settle(message, "reject");
  }

  #settle(message: Stored, disposition: Disposition): void {
    if (this.#unsettled.delete(message)) this.#queue?.settle(message, disposition);
    this.#ended();
  }

  #ended(): void {
    if (--this.#running === 0) this.#stopping?.finish();
  }
}

/** Takes replies: without limit and without acknowledging, since the caller's deadline covers a loss. */
export function replyTaker(queue: LiveQueue, handle: (message: Incoming) => void, log: Logger): Taker {
  return {
    free: () => Number.POSITIVE_INFINITY,
    hold: () => undefined,
    run(message) {
      queue.settle(message, "ack");
      try {
        handle(message.message);
      } catch (error) {
        log.error({ err: error, queue: queue.definition.name }, "a reply handler threw");
      }
    },
  };
}
