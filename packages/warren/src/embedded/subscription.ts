import type { Logger } from "../log.ts";
import type { Incoming } from "../message.ts";
import type { ConsumeOptions, Disposition, Handle } from "../transport.ts";
import type { LiveQueue, Taker } from "./queue.ts";
import type { Stored } from "./stored.ts";

/** A consumer as its transport keeps it: attached to a queue, and to the same one again after a lost connection. */
export class Subscription implements Taker {
  readonly queueName: string;
  readonly #handle: Handle;
  readonly #prefetch: number;
  readonly #inOrder: boolean;
  readonly #backTogether: boolean;
  readonly #lost: (() => void) | undefined;
  readonly #log: Logger;
  #queue: LiveQueue | undefined;
  /**
   * In order of delivery. Another one after a cut, while handlers may still run: the broker has taken those messages
   * back, and what they say must not settle the same message when it has come again.
   */
  #unsettled = new Set<Stored>();
  #running = 0;
  #stopping: { readonly done: Promise<void>; readonly finish: () => void } | undefined;

  constructor(queueName: string, handle: Handle, options: ConsumeOptions, log: Logger) {
    this.queueName = queueName;
    this.#handle = handle;
    this.#prefetch = options.prefetch;
    this.#inOrder = options.inOrder ?? false;
    this.#backTogether = options.backTogether ?? this.#inOrder;
    this.#lost = options.lost;
    this.#log = log;
  }

  attach(queue: LiveQueue): void {
    this.#queue = queue;
    queue.add(this);
  }

  /** The connection is gone: everything unsettled goes back. */
  drop(): void {
    this.#leave();
    if (!this.stopping) this.#lost?.();
  }

  #leave(): void {
    const queue = this.#queue;
    if (queue === undefined) return;
    this.#queue = undefined;
    queue.remove(this);
    const back = [...this.#unsettled];
    this.#unsettled.clear();
    this.#unsettled = new Set();
    for (const message of back) if (queue.recall(message)) this.#ended();
    queue.giveBack(...back);
  }

  stop(): Promise<void> {
    if (this.#stopping === undefined) {
      if (!this.#inOrder) this.#queue?.remove(this);
      const { promise, resolve } = Promise.withResolvers<void>();
      const finish = (): void => {
        if (this.#backTogether) this.#leave();
        resolve();
      };
      this.#stopping = { done: promise, finish };
      if (this.#running === 0) finish();
    }
    return this.#stopping.done;
  }

  get stopping(): boolean {
    return this.#stopping !== undefined;
  }

  free(): number {
    return this.#staying ? 0 : this.#prefetch - this.#unsettled.size;
  }

  /** It stops in order: nobody gets anything until it leaves. */
  get #staying(): boolean {
    return this.#inOrder && this.stopping;
  }

  hold(message: Stored): void {
    this.#unsettled.add(message);
    this.#running++;
  }

  run(message: Stored): void {
    const unsettled = this.#unsettled;
    if (this.#staying) return this.#ended();
    let outcome: Disposition | Promise<Disposition>;
    try {
      outcome = this.#handle(message.message);
    } catch (error) {
      this.#failed(unsettled, message, error);
      return;
    }
    // Settled here and now where the handler is done, which saves a promise and two closures per message.
    if (typeof outcome === "string") this.#settle(unsettled, message, outcome);
    else
      outcome.then(
        (disposition) => this.#settle(unsettled, message, disposition),
        (error: unknown) => this.#failed(unsettled, message, error),
      );
  }

  #failed(unsettled: Set<Stored>, message: Stored, error: unknown): void {
    this.#log.error(
      { err: error, queue: this.queueName },
      "a message handler threw; its message is rejected",
    );
    this.#settle(unsettled, message, "reject");
  }

  #settle(unsettled: Set<Stored>, message: Stored, disposition: Disposition): void {
    const kept = disposition === "requeue" && this.#backTogether && this.stopping;
    if (!kept && unsettled.delete(message)) this.#queue?.settle(message, disposition);
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
