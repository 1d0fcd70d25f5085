import { Fault } from "../fault.ts";
import type { Random } from "../id.ts";
import type { Incoming } from "../message.ts";
import { forNextAttempt } from "../retry/attempt.ts";
import { nextStep, over } from "../retry/policy.ts";
import type { Disposition, Handle } from "../transport.ts";
import { type Epoch, epoch } from "./epoch.ts";
import { suspectedAfter } from "./quarantine.ts";
import {
  type FailedPart,
  type Grave,
  type Prepared,
  type ReactingOptions,
  reacting,
  unreadable,
} from "./reacting.ts";
import { slots } from "./slots.ts";

export interface InOrderOptions extends ReactingOptions {
  readonly random: Random;
  /** How many handlers run at once. */
  readonly concurrency: number;
}

/** A handler of a queue with `singleActive`, to be consumed from with `inOrder`. */
export interface InOrder {
  readonly handle: Handle;
  /** The broker has taken back what was in hand: of it, nothing is begun any more. */
  lost(): void;
  /** Begins nothing more, and waits for no retry. */
  stop(): void;
}

/**
 * How many events one instance has in hand. The same for every service and version: what an instance leaves behind is
 * put back behind what it left untouched, so the next one has to take all of it at once. More than run at a time, so
 * that the events of a key that waits for a retry do not soon take every place.
 */
export const orderedPrefetch = 200;

/** RabbitMQ takes a message back after 30 minutes; those behind it in its lane have been in hand as long. */
const longestRetryingMs = 15 * 60_000;

/** As often as an event comes back before it is suspected, and again: see `quarantine`. */
const condemnedAfter = 2 * suspectedAfter;

/** From here on it is done to its end, retries included, before another begins: so that it is condemned for its own doing only. */
const aloneAfter = condemnedAfter - 2;

/**
 * As often, the first that comes with a connection is condemned though the process lived on: it costs the connection
 * each time, as a handler does that blocks for longer than the broker waits for a heartbeat. Well below the delivery limit, at which
 * the broker would make dead letters of all that are in hand with it.
 */
const condemnedAnyway = 24;

/** Between two attempts to bury, each of which tries for minutes unless the transport is being closed. */
const pauseMs = 1_000;

/** `tried`: the message as it was tried, with what followed the try. */
type Outcome = Disposition | { readonly error: unknown; readonly tried: Incoming };

/**
 * Runs reactions: of events with one key one after the other, in the order in which they came, and those of different
 * keys at the same time. A failed one is tried again here, and its key waits for it.
 *
 * An event that is suspected of killing its process is read and run when no other runs, and none after it is looked at
 * meanwhile. So what is first in hand of a new process, having come back often, is what the last ones died of: it is
 * buried.
 */
export function inOrder(options: InOrderOptions): InOrder {
  const { clock, random, scope } = options;
  const { listenerOf, read, run, failedPart, giveUp, bury, buryUnknown } = reacting(options);
  const places = slots(options.concurrency);
  /** By key: settled when the last one with that key is done. */
  const lanes = new Map<string | symbol, Promise<unknown>>();
  const onlyLane = Symbol("one order for all");
  let current = epoch();
  let stopped = false;
  let arrivals: Promise<unknown> = Promise.resolve();
  /** Nothing came yet: to this process, over this connection. */
  let [firstOfProcess, firstOfConnection] = [true, true];

  function handle(message: Incoming): Promise<Disposition> {
    const { promise, resolve, reject } = Promise.withResolvers<Disposition>();
    const now = current;
    const isCondemned =
      (firstOfProcess && message.returns >= condemnedAfter) ||
      (firstOfConnection && message.returns >= condemnedAnyway);
    firstOfProcess = firstOfConnection = false;
    // One after the other, since a schema may be asynchronous, and the next must not reach its lane before.
    arrivals = arrivals.then(() => admit(message, now, isCondemned, resolve)).catch(reject);
    return promise;
  }

  async function admit(
    message: Incoming,
    now: Epoch,
    isCondemned: boolean,
    settle: (outcome: Disposition | Promise<Disposition>) => void,
  ): Promise<void> {
    if (now.over) return settle("requeue");
    if (message.returns < suspectedAfter) return settle((await begin(message, now)).outcome);
    await quiet();
    if (now.over) return settle("requeue");
    const { outcome } = isCondemned ? { outcome: condemn(message, now) } : await begin(message, now);
    settle(outcome);
    if (message.returns >= aloneAfter) await outcome.catch(() => undefined);
    await quiet();
  }

  /** Resolves when the event has its place; its outcome is another matter. */
  async function begin(message: Incoming, now: Epoch): Promise<{ outcome: Promise<Disposition> }> {
    const listener = listenerOf(message);
    if (listener === undefined) return { outcome: buried(now, () => buryUnknown(message)) };
    try {
      const event = await read(listener, message);
      return { outcome: inLane(laneOf(listener, event), () => tries(listener, event, message, now)) };
    } catch (error) {
      return { outcome: buried(now, () => bury(message, unreadable(error) ?? "failed", error)) };
    }
  }

  function laneOf(listener: Prepared, event: unknown): string | symbol {
    if (typeof listener.inOrder !== "function") return onlyLane;
    const key: unknown = listener.inOrder(event);
    if (typeof key === "string") return key;
    throw new TypeError(
      `"inOrder" of ${listener.event.id} returned ${typeof key}; it has to return a string.`,
    );
  }

  function inLane(key: string | symbol, work: () => Promise<Disposition>): Promise<Disposition> {
    const mine = (lanes.get(key) ?? Promise.resolve()).then(work);
    const ended = mine
      .catch(() => undefined)
      .then(() => {
        if (lanes.get(key) === ended) lanes.delete(key);
      });
    lanes.set(key, ended);
    return mine;
  }

  async function tries(
    listener: Prepared,
    event: unknown,
    message: Incoming,
    now: Epoch,
  ): Promise<Disposition> {
    const until = clock.now() + longestRetryingMs;
    let outcome = await places.run(() => tryOnce(listener, message, now, () => event));
    while (typeof outcome === "object") {
      const last = outcome.tried;
      const part = failedPart(listener, last, outcome.error);
      const { error } = part;
      last.work?.fail(error);
      last.work?.end();
      if (now.over) return "requeue";
      const next = part.kind === "given-up" ? over(error) : nextStep(part.retry, part.attempt, error, random);
      if (next.step === "give-up" || clock.now() + next.delayMs > until) {
        const reason = next.step === "give-up" ? next.error : error;
        outcome = await end(listener, last, now, { ...part, error: reason });
        continue;
      }
      options.probe?.retried(scope.contract.name, listener.operation.id);
      await now.delay(clock, next.delayMs);
      const again = { ...last, headers: forNextAttempt(last, clock.now()) };
      // Read again: a handler may have changed the event it was given.
      outcome = await places.run(() => tryOnce(listener, again, now, () => read(listener, again)));
    }
    return outcome;
  }

  async function end(listener: Prepared, message: Incoming, now: Epoch, part: FailedPart): Promise<Outcome> {
    let grave: Grave | undefined;
    try {
      grave = await places.run(() => giveUp(listener, message, part));
    } catch (error) {
      return { error, tried: message };
    }
    if (grave === undefined) return "ack";
    const { reason, error } = grave;
    return buried(now, () => bury(message, reason, error));
  }

  async function tryOnce(
    listener: Prepared,
    given: Incoming,
    now: Epoch,
    event: () => unknown,
  ): Promise<Outcome> {
    if (now.over) return "requeue";
    const message = listener.seam?.begin(given) ?? given;
    try {
      await run(listener, message, await event());
      message.work?.end();
      return "ack";
    } catch (error) {
      return { error, tried: message };
    }
  }

  function condemn(message: Incoming, now: Epoch): Promise<Disposition> {
    const text = `Came back ${message.returns} times, at last alone in hand and first of all: whatever worked on it, or its connection, was gone each time. It may make the process crash, run out of memory or block.`;
    const error = new Fault("UNKNOWN_OUTCOME", { returns: message.returns }, { message: text });
    return buried(now, () => bury(message, "crashed", error));
  }

  /** Given back while others are in hand, it would lose its place; so it is buried as soon as the broker lets it. */
  async function buried(now: Epoch, attempt: () => Promise<Disposition>): Promise<Disposition> {
    for (;;) {
      const done = await attempt();
      if (done !== "requeue" || now.over) return done;
      await now.delay(clock, pauseMs);
    }
  }

  /**
   * Resolves when no handler runs, and what was settled has left this process, so that it does not come back if the
   * next event ends it. Those that wait for a retry are not waited for: that would hold up every key.
   */
  async function quiet(): Promise<void> {
    do {
      await places.whenIdle();
      await new Promise<void>((resolve) => clock.soon(() => clock.soon(resolve)));
    } while (!places.idle);
  }

  return {
    handle,
    lost() {
      current.end();
      firstOfConnection = true;
      if (!stopped) current = epoch();
    },
    stop() {
      stopped = true;
      current.end();
    },
  };
}
