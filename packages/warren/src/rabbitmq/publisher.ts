import { Fault } from "../fault.ts";
import type { Outgoing } from "../message.ts";
import type { Timer } from "../time.ts";
import type { AmqpChannel, AmqpError } from "./amqp.ts";
import { backoffMs } from "./backoff.ts";
import { stopped } from "./link.ts";
import type { Settings } from "./options.ts";
import { refusingChannel } from "./refusing-channel.ts";
import { room } from "./room.ts";
import { checkSize, exchangeInError, type RestoreHooks } from "./sender.ts";
import { type SteadyChannel, steadyChannel } from "./steady-channel.ts";
import { confirmWindow, type Window } from "./window.ts";

/** Messages that the broker confirms. */
export interface Publisher {
  readonly steady: SteadyChannel;
  /** Something is under way. */
  readonly busy: boolean;
  publish(message: Outgoing): Promise<void>;
  /** The broker takes nothing for this reason, or takes messages again (`undefined`). */
  blocked(reason: string | undefined): void;
  /** Sends what could not be sent before. */
  pump(): void;
  /** Ends every publish under way with this fault. */
  failAll(fault: Fault): void;
  /** Takes no more; resolves when nothing is under way, or after `drainMs`, when the rest has failed with STOPPED. */
  drain(drainMs: number): Promise<void>;
}

/** How many bytes may wait for the network before publishing pauses: more would only fill memory. */
const pausedAboveBytes = 4 * 2 ** 20;

/** One publish, from the call until it is settled. */
interface Entry {
  readonly message: Outgoing;
  readonly id: string | undefined;
  readonly deadline: number;
  resolve(): void;
  reject(error: Error): void;
  settled: boolean;
  /** Its number on the channel it was last written to, while unconfirmed there. */
  tag: number | undefined;
  /** The broker's words, when it came back on this attempt. */
  returned: string | undefined;
  /** How often the broker refused it. */
  refusals: number;
  /** When it was last written to a channel. */
  writtenAt: number;
  /** Its exchange was missing before, and was declared again. */
  restored: boolean;
}

export interface PublisherHooks extends RestoreHooks {
  changed(): void;
  /** Why there is no connection. */
  away(): string;
}

export function publisher(settings: Settings, nextId: () => string, hooks: PublisherHooks): Publisher {
  const { clock, log } = settings;
  const [places, refusing] = [room(settings), refusingChannel(clock)];
  /** In order of their deadlines, as all have the same time. */
  const underway = new Set<Entry>();
  let waiting: Entry[] = [];
  /** What was taken from the front of `waiting`. */
  let taken = 0;
  let window: Window<Entry> = confirmWindow();
  let blockedBy: string | undefined;
  let trouble: string | undefined;
  let sweep: Timer | undefined;
  /** An exchange that this process declared is gone. */
  let missing = false;
  let stall: Timer | undefined;
  let patienceMs = settings.confirmTimeoutMs;
  let unblockedAt = 0;
  let stopping = false;
  let drained: (() => void) | undefined;

  const steady = steadyChannel(settings, {
    purpose: "publish",
    changed: hooks.changed,
    async open(connection) {
      if (missing) await hooks.restore();
      missing = false;
      const channel = await connection.channel();
      await channel.confirm();
      return channel;
    },
    opened(channel) {
      const fresh: Window<Entry> = confirmWindow();
      window = fresh;
      channel.onConfirm((tag, multiple, good) => {
        // One that was given up for its silence speaks after all: its messages go another way by now.
        if (window !== fresh) return;
        patienceMs = settings.confirmTimeoutMs;
        fresh.settle(tag, multiple, good ? confirmed : refused);
        if (refusing.suspected && fresh.size === 0)
          steady.renew("RabbitMQ refuses again and again what was published on it");
        pump();
      });
      channel.onReturn(({ messageId, exchange, key, text }) => {
        const came = fresh.find(
          (e) =>
            e.id === messageId && !e.returned && e.message.exchange === exchange && e.message.key === key,
        );
        if (came) came.returned = text || "NO_ROUTE";
      });
      pump();
    },
    lost: (_channel, error) => again(error),
  });

  /** The unconfirmed go first on the next channel, in their order, ahead of what waits. */
  function again(error: AmqpError | undefined): void {
    const lost = window.rest().filter((entry) => !entry.settled);
    window = confirmWindow();
    refusing.replaced();
    if (error) trouble = error.message;
    const exchange = error ? exchangeInError(error) : undefined;
    const known = error?.code === 404 && exchange !== undefined && hooks.declared(exchange);
    missing ||= known;
    for (const entry of lost) {
      entry.tag = undefined;
      entry.returned = undefined;
      if (exchange === undefined || entry.message.exchange !== exchange) continue;
      if (!known || entry.restored) unroutable(entry, error!.message);
      entry.restored = true;
    }
    waiting = [...lost.filter((entry) => !entry.settled), ...waiting.slice(taken)];
    taken = 0;
    if (lost.length > 0)
      log.info({ unconfirmed: lost.length }, "publishing again what RabbitMQ had not confirmed");
  }

  function confirmed(entry: Entry): void {
    entry.tag = undefined;
    if (entry.settled) return;
    if (entry.returned !== undefined) return unroutable(entry, entry.returned);
    finish(entry);
    entry.resolve();
  }

  function unroutable(entry: Entry, text: string): void {
    const { exchange, key } = entry.message;
    const message = `No queue took the message to exchange "${exchange}" with key "${key}" (${text}). Declare and bind a queue for it first.`;
    fail(entry, new Fault("UNROUTABLE", { exchange, key }, { message }));
  }

  /** A full queue refuses; it may have room again before the time is up. */
  function refused(entry: Entry): void {
    entry.tag = undefined;
    if (entry.settled) return;
    trouble = "the broker refuses the message (basic.nack), as a full queue does";
    entry.returned = undefined;
    refusing.refused(entry.refusals);
    clock.after(backoffMs(settings, entry.refusals++), () => {
      if (entry.settled) return;
      waiting.push(entry);
      pump();
    });
  }

  function finish(entry: Entry): void {
    entry.settled = true;
    if (underway.delete(entry)) places.give(entry.message.body.length);
    if (underway.size > 0) return;
    sweep?.cancel();
    sweep = undefined;
    stall?.cancel();
    stall = undefined;
    drained?.();
  }

  function fail(entry: Entry, error: Error): void {
    finish(entry);
    entry.reject(error);
  }

  /** One timer for all, set for the oldest. */
  function watch(): void {
    const oldest = underway.values().next().value;
    if (sweep || !oldest) return;
    sweep = clock.after(Math.max(0, oldest.deadline - clock.now()), () => {
      sweep = undefined;
      for (const entry of underway) {
        if (entry.deadline > clock.now()) break;
        // Brokers have had faults by which a confirm never comes; it must not hold a place for ever.
        if (entry.tag !== undefined) window.forget(entry.tag);
        fail(entry, late(entry));
      }
      pump();
      watch();
    });
  }

  function late({ message: { exchange, key } }: Entry): Fault {
    const why =
      blockedBy !== undefined
        ? `blocked by the broker: ${blockedBy}`
        : steady.channel
          ? (trouble ?? "no answer")
          : hooks.away();
    const text = `RabbitMQ did not confirm the message to exchange "${exchange}" with key "${key}" within ${settings.publishTimeoutMs} ms (${why}). It may have arrived.`;
    return new Fault("UNAVAILABLE", { exchange, key }, { message: text });
  }

  function pump(): void {
    const { channel } = steady;
    while (taken < waiting.length && ready(channel)) {
      const entry = waiting[taken++]!;
      if (!entry.settled) put(channel!, entry);
    }
    if (taken > 0 && (taken === waiting.length || taken > 1_024)) {
      waiting = waiting.slice(taken);
      taken = 0;
    }
  }

  function ready(channel: AmqpChannel | undefined): boolean {
    return (
      channel?.open === true &&
      !refusing.suspected &&
      blockedBy === undefined &&
      window.size < settings.maxUnconfirmed &&
      channel.connection.backlogBytes < pausedAboveBytes
    );
  }

  function put(channel: AmqpChannel, entry: Entry): void {
    try {
      channel.publish(entry.message, entry.id);
    } catch (error) {
      return fail(entry, error as Error);
    }
    entry.tag = window.add(entry);
    entry.writtenAt = clock.now();
    stall ??= clock.after(patienceMs, lookForStall);
  }

  /** One timer for all, for the oldest. While the network still holds bytes, a confirm cannot be missed yet. */
  function lookForStall(): void {
    stall = undefined;
    const oldest = window.find(() => true);
    if (!oldest) return;
    const { channel } = steady;
    const leftMs = Math.max(oldest.writtenAt, unblockedAt) + patienceMs - clock.now();
    const silent = leftMs <= 0 && blockedBy === undefined && channel?.connection.backlogBytes === 0;
    if (!silent) {
      stall = clock.after(leftMs > 0 ? leftMs : patienceMs, lookForStall);
      return;
    }
    trouble = `no answer for ${patienceMs} ms`;
    patienceMs *= 2;
    steady.renew(`${trouble} to a message that was published on it`);
  }

  async function publish(message: Outgoing): Promise<void> {
    // Async, so that whatever is wrong with a message is a rejection.
    if (stopping) throw stopped();
    checkSize(settings, message);
    const { channel } = steady;
    const now = taken === waiting.length && ready(channel);
    places.take(message.body.length, now ? undefined : waiting.length - taken);
    return new Promise((resolve, reject) => {
      const entry: Entry = {
        // It may be written more than once, and later; its sender may use the headers for the next one.
        message: message.headers ? { ...message, headers: { ...message.headers } } : message,
        id: message.messageId ?? (message.mandatory ? nextId() : undefined),
        deadline: clock.now() + settings.publishTimeoutMs,
        resolve,
        reject,
        settled: false,
        tag: undefined,
        returned: undefined,
        refusals: 0,
        writtenAt: 0,
        restored: false,
      };
      underway.add(entry);
      if (now) put(channel!, entry);
      else waiting.push(entry);
      if (!sweep) watch();
    });
  }

  function failAll(fault: Fault): void {
    for (const entry of [...underway]) fail(entry, fault);
    waiting = [];
    taken = 0;
  }

  return {
    steady,
    get busy() {
      return underway.size > 0;
    },
    publish,
    blocked(reason) {
      if (reason === undefined) unblockedAt = clock.now();
      blockedBy = reason;
      pump();
    },
    pump,
    failAll,
    async drain(drainMs) {
      stopping = true;
      if (underway.size > 0) {
        const drain = Promise.withResolvers<void>();
        drained = drain.resolve;
        const timer = clock.after(drainMs, drain.resolve);
        await drain.promise;
        timer.cancel();
      }
      failAll(stopped());
    },
  };
}
