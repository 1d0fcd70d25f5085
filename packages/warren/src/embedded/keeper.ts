import { Fault } from "../fault.ts";
import type { Logger } from "../log.ts";
import type { Clock, Timer } from "../time.ts";
import type { Change, Journal } from "./journal.ts";
import type { LiveQueue, Taker } from "./queue.ts";
import type { Stored } from "./stored.ts";

/** What the keeper needs of its broker. */
export interface KeeperHost {
  readonly clock: Clock;
  readonly log: Logger;
  /** A turn is needed: `commit` at its beginning and `handOut` at its end. */
  ask(): void;
  /** The message could not be written, and who published it is told. */
  withdrawn(message: Stored): void;
  /** `failure` has changed. */
  stateChanged(): void;
}

/** When what could not be written is tried again. */
const retryMs = 1_000;

/**
 * Stands between the broker and its journal. Everything that one turn of the broker brings goes to disk in one
 * transaction; a message enters its queue after that, and a handler gets it after it is on disk that it does.
 */
export class Keeper {
  readonly #journal: Journal;
  readonly #host: KeeperHost;
  readonly #handing = new Map<Stored, Taker>();
  readonly #adding = new Set<LiveQueue>();
  #changes: Change[] = [];
  #outcome: PromiseWithResolvers<void> | undefined;
  #lastRow: number;
  #failure: string | undefined;
  #retry: Timer | undefined;
  #closed: boolean = false;

  constructor(journal: Journal, lastRow: number, host: KeeperHost) {
    this.#journal = journal;
    this.#lastRow = lastRow;
    this.#host = host;
  }

  get file(): string {
    return this.#journal.file;
  }

  /** Why nothing can be kept just now, in words. */
  get failure(): string | undefined {
    return this.#failure;
  }

  /** Why nothing more can be promised, where it cannot. */
  get refusal(): Fault | undefined {
    if (this.#closed) return new Fault("STOPPED", {}, { message: "The embedded broker is closed." });
    return this.#failure === undefined ? undefined : new Fault("UNAVAILABLE", {}, { message: this.#failure });
  }

  /** Whether messages are on their way into the queue. */
  adds(queue: LiveQueue): boolean {
    return this.#adding.has(queue);
  }

  note(change: Change): void {
    if (this.#closed) return;
    this.#changes.push(change);
    this.#host.ask();
  }

  /** Keeps the message; it enters the queue when that is done. One that is not to be kept only waits its turn. */
  add(queue: LiveQueue, message: Stored, kept: boolean, promised: boolean): void {
    if (kept) message.row = ++this.#lastRow;
    this.#adding.add(queue);
    this.note({ to: "add", queue, message, promised });
  }

  /** Resolves when all that was noted so far is on disk. @throws Fault UNAVAILABLE when it cannot be */
  outcome(): Promise<void> {
    if (this.#closed) return Promise.reject(this.refusal);
    this.#outcome ??= Promise.withResolvers<void>();
    this.#host.ask();
    return this.#outcome.promise;
  }

  handOver(taker: Taker, message: Stored): void {
    taker.hold(message);
    // What is not kept waits only for messages before it.
    if (message.row === 0 && (this.#handing.size === 0 || this.#failure !== undefined)) {
      taker.run(message);
      return;
    }
    this.#handing.set(message, taker);
    if (message.row !== 0) this.note({ to: "hand", row: message.row, returned: message.returned });
  }

  recall(message: Stored): boolean {
    return this.#handing.delete(message);
  }

  /** Writes what was noted, and lets the messages among it into their queues. */
  commit(): void {
    // While the journal fails, only the timer tries again: not every message that comes along.
    if (this.#failure === undefined) this.#write();
  }

  /** Runs the handlers of the messages that are handed over. */
  handOut(): void {
    if (this.#handing.size === 0 || this.#failure !== undefined) return;
    if (this.#write())
      for (const [message, taker] of this.#handing) {
        this.#handing.delete(message);
        taker.run(message);
      }
  }

  /** Nobody is connected: no timer is to keep the process. */
  sleep(): void {
    this.#retry?.cancel();
    this.#retry = undefined;
  }

  /** Somebody is connected again. */
  wake(): void {
    if (this.#failure !== undefined) this.#tryLater();
  }

  close(): void {
    if (this.#closed) return;
    this.#write();
    this.sleep();
    this.#closed = true;
    this.#handing.clear();
    try {
      this.#journal.close();
    } catch (err) {
      this.#host.log.error(
        { err, file: this.file },
        "the journal of the embedded broker was not closed well",
      );
    }
  }

  /** @returns whether everything is on disk */
  #write(): boolean {
    const [changes, outcome] = [this.#changes, this.#outcome];
    if (this.#closed) return false;
    const isIdle = changes.length === 0 && this.#failure === undefined;
    if (isIdle && outcome === undefined) return true;
    this.#changes = [];
    this.#outcome = undefined;
    this.#adding.clear();
    try {
      if (!isIdle) this.#journal.write(changes);
    } catch (error) {
      this.#failed(error, changes);
      outcome?.reject(this.refusal);
      return false;
    }
    this.#worked();
    for (const change of changes) if (change.to === "add") change.queue.enqueue(change.message);
    outcome?.resolve();
    return true;
  }

  /** What was promised to nobody has happened already, and is written when that is possible again. */
  #failed(error: unknown, changes: readonly Change[]): void {
    const { file } = this.#journal;
    const reason = error instanceof Error ? error.message : String(error);
    if (this.#failure === undefined) {
      this.#failure = `The journal "${file}" cannot be written (${reason}). Until it can, nothing is published that has to last.`;
      this.#host.log.error({ err: error, file }, "the journal of the embedded broker cannot be written");
    }
    for (const change of changes) {
      if (change.to !== "add" || !change.promised) {
        this.#changes.push(change);
        if (change.to === "add") this.#adding.add(change.queue);
      } else if (change.message.row === 0) change.queue.enqueue(change.message);
      else {
        change.message.row = 0;
        this.#host.withdrawn(change.message);
      }
    }
    this.#host.stateChanged();
    this.#tryLater();
  }

  #worked(): void {
    if (this.#failure === undefined) return;
    this.#failure = undefined;
    this.#host.log.warn({ file: this.#journal.file }, "the journal of the embedded broker is written again");
    this.#host.stateChanged();
  }

  #tryLater(): void {
    this.#retry?.cancel();
    this.#retry = this.#host.clock.after(retryMs, () => {
      if (this.#write()) this.handOut();
    });
  }
}
