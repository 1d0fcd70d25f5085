import type { Random } from "../id.ts";
import { type Answers, answers } from "../inbox/answers.ts";
import { type Inbox, inbox, type Mark } from "../inbox/inbox.ts";
import type { Logger } from "../log.ts";
import type { Outbox } from "../outbox/outbox.ts";
import type { Store } from "../store.ts";
import type { Clock } from "../time.ts";
import { migrate } from "./migrate.ts";
import { type QuickCommits, quickCommits } from "./quick.ts";
import { type Expiring, sweeper } from "./sweep.ts";
import { type Unit, unit } from "./unit.ts";

/** One store in one process, and all that Warren does with it. */
export interface StoreRuntime {
  readonly store: Store<any>;
  readonly outbox: Outbox;
  readonly inbox: Inbox;
  readonly answers: Answers;
  /** For one handler. See `UnitOptions`. */
  unit(options?: { readonly mark?: Mark | undefined }): Unit;
  /** Opens the store and brings its tables up to date. Before anything else is done with it. */
  open(): Promise<void>;
  /** Sends what others left there, and deletes what has expired. */
  start(): void;
  /** Sends nothing more, and closes the store. What is being sent has `drainMs` milliseconds to be confirmed. */
  stop(options: { readonly drainMs: number }): Promise<void>;
}

export interface StoreRuntimeOptions {
  readonly store: Store<any>;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly expiring: readonly Expiring[];
  readonly outbox: (store: Store<any>) => Outbox;
}

export function storeRuntime(options: StoreRuntimeOptions): StoreRuntime {
  const { store, clock } = options;
  const outbox = options.outbox(store);
  const sweeping = sweeper(options);
  const done = inbox(store, clock);
  const quick: QuickCommits = quickCommits(store, outbox, done, clock);
  return {
    store,
    outbox,
    inbox: done,
    answers: answers(store, clock),
    unit: (options = {}) => unit({ store, outbox, inbox: done, quick, ...options }),
    async open() {
      await store.open();
      await migrate(store);
    },
    start() {
      outbox.start();
      sweeping.start();
    },
    async stop(how) {
      await Promise.all([outbox.stop(how), sweeping.stop()]);
      await store.close();
    },
  };
}
