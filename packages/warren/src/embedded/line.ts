import { Fault } from "../fault.ts";
import type { Timer } from "../time.ts";
import type { TransportState } from "../transport.ts";
import type { Core, Peer } from "./core.ts";

/** What a transport does when its connection comes and goes. */
export interface LineHooks {
  /** The connection is there: declare, and attach consumers. */
  restore(): void;
  /** The connection is going: detach consumers. */
  drop(): void;
}

const away: TransportState = { publishing: false, consuming: false, reason: "the connection was cut" };
const closed: TransportState = { publishing: false, consuming: false, reason: "the transport is closed" };

/** How many operations may wait for the connection to come back. */
const maxWaiting = 1_000;
/** When what could not be restored is tried again. */
const retryMs = 1_000;

interface Waiting {
  readonly go: () => void;
  readonly fail: (fault: Fault) => void;
  readonly timer: Timer;
}

/** One transport's connection to the broker: up from the start, away after a cut, up again by itself, closed at the end. */
export class Line implements Peer {
  readonly #core: Core;
  readonly #hooks: LineHooks;
  readonly #timeoutMs: number;
  readonly #watchers = new Set<(state: TransportState) => void>();
  readonly #waiting = new Set<Waiting>();
  #state: TransportState;
  #up: boolean = true;
  #open: boolean = true;
  #return: Timer | undefined;

  constructor(core: Core, hooks: LineHooks, timeoutMs: number) {
    this.#core = core;
    this.#hooks = hooks;
    this.#timeoutMs = timeoutMs;
    core.connect(this);
    this.#state = core.state;
  }

  get state(): TransportState {
    return this.#state;
  }

  get up(): boolean {
    return this.#up;
  }

  get open(): boolean {
    return this.#open;
  }

  watch(changed: (state: TransportState) => void): () => void {
    // Wrapped, so that the same function given twice is told twice, and each stops by itself.
    const watcher = (state: TransportState): void => changed(state);
    this.#watchers.add(watcher);
    return () => void this.#watchers.delete(watcher);
  }

  stateChanged(): void {
    if (this.#up) this.#become(this.#core.state);
  }

  lose(downMs: number | undefined): void {
    if (!this.#up) return;
    this.#disconnect();
    this.#become(away);
    this.#returnAfter(downMs);
  }

  /**
   * Resolves at once, or when the connection is back.
   * @throws Fault STOPPED, UNAVAILABLE (not back in time), OVERLOADED (too many wait already)
   */
  ready(): Promise<void> {
    if (!this.#open) return Promise.reject(stopped());
    if (this.#up) return Promise.resolve();
    if (this.#waiting.size >= maxWaiting) return Promise.reject(tooManyWait());
    return new Promise((resolve, reject) => {
      const fail = (fault: Fault): void => {
        waiting.timer.cancel();
        this.#waiting.delete(waiting);
        reject(fault);
      };
      const timer = this.#core.clock.after(this.#timeoutMs, () => fail(notBack(this.#timeoutMs)));
      const waiting: Waiting = { go: resolve, fail, timer };
      this.#waiting.add(waiting);
    });
  }

  /** Lets what waits for the connection have up to `drainMs` for it, then hangs up. */
  async close(drainMs: number): Promise<void> {
    this.#open = false;
    if (this.#waiting.size > 0) await this.#drained(drainMs);
    for (const waiting of this.#waiting) waiting.fail(stopped());
    this.#return?.cancel();
    if (this.#up) this.#disconnect();
    this.#become(closed);
    this.#watchers.clear();
  }

  #drained(drainMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = this.#core.clock.after(drainMs, resolve);
      const unwatch = this.watch((state) => {
        if (!state.consuming) return;
        timer.cancel();
        unwatch();
        resolve();
      });
    });
  }

  #disconnect(): void {
    this.#up = false;
    this.#hooks.drop();
    this.#core.disconnect(this);
  }

  #returnAfter(downMs: number | undefined): void {
    const back = (): void => this.#comeBack();
    if (downMs === undefined) this.#core.call(back);
    else this.#return = this.#core.clock.after(downMs, back);
  }

  #comeBack(): void {
    if (this.#state === closed) return;
    this.#core.connect(this);
    try {
      this.#hooks.restore();
    } catch (error) {
      this.#core.log.error(
        { err: error },
        "what was declared before a lost connection cannot be declared again",
      );
      this.#disconnect();
      this.#returnAfter(retryMs);
      return;
    }
    this.#up = true;
    for (const { timer, go } of this.#waiting) {
      timer.cancel();
      go();
    }
    this.#waiting.clear();
    this.#become(this.#core.state);
  }

  #become(state: TransportState): void {
    if (state === this.#state) return;
    this.#state = state;
    for (const changed of this.#watchers) {
      try {
        changed(state);
      } catch (error) {
        this.#core.log.error({ err: error }, "a watcher of the transport's state threw");
      }
    }
  }
}

function stopped(): Fault {
  return new Fault("STOPPED", {}, { message: "The embedded transport is closed and takes no new work." });
}

function tooManyWait(): Fault {
  const message = `${maxWaiting} operations wait for the connection to the embedded broker already. Try again later.`;
  return new Fault("OVERLOADED", { limit: maxWaiting }, { message });
}

function notBack(timeoutMs: number): Fault {
  return new Fault(
    "UNAVAILABLE",
    { timeoutMs },
    { message: `The embedded broker was not back within ${timeoutMs} ms.` },
  );
}
