import { delay } from "../time.ts";
import type { AmqpChannel, AmqpConnection, AmqpError } from "./amqp.ts";
import { backoffMs } from "./backoff.ts";
import type { Settings } from "./options.ts";

/**
 * A channel that is opened again when the broker closed it, as long as its connection lives. Every opened channel is
 * an epoch of its own: what belongs to one is never sent on the next.
 */
export interface SteadyChannel {
  readonly channel: AmqpChannel | undefined;
  /**
   * Opens it on this connection, leaving any other.
   * @throws the first error, when `strict`; otherwise it keeps trying and resolves when open, or when that is over
   */
  attach(connection: AmqpConnection, strict: boolean): Promise<void>;
  /** Leaves the channel as it is and opens no other. */
  release(): void;
  /** The channel is of no more use though open, for this reason: opens another. */
  renew(reason: string): void;
}

export interface SteadyHooks {
  /** Shown in the log. */
  readonly purpose: string;
  /** Opens and prepares a channel; `again` on every time but the first. */
  open(connection: AmqpConnection, again: boolean): Promise<AmqpChannel>;
  /** A channel is open and usable. */
  opened?(channel: AmqpChannel): void;
  /** The channel is gone, by an error of the server or with its connection. */
  lost?(channel: AmqpChannel, error: AmqpError | undefined): void;
  changed(): void;
}

/** A channel that was open for longer was fine: the next one is opened soon. */
const lastedMs = 5_000;

export function steadyChannel(settings: Settings, hooks: SteadyHooks): SteadyChannel {
  const { clock, log } = settings;
  let channel: AmqpChannel | undefined;
  let current: AmqpConnection | undefined;
  let again = false;
  let attempt = 0;
  let since = 0;

  async function openOn(connection: AmqpConnection): Promise<void> {
    const opened = await hooks.open(connection, again);
    again = true;
    if (!opened.open) throw new Error("the channel was lost while it was being prepared");
    if (connection !== current) return opened.close();
    since = clock.now();
    channel = opened;
    opened.onClosed((error) => {
      if (channel !== opened) return;
      leave(error);
      if (error && connection === current) retry(connection, error);
    });
    hooks.opened?.(opened);
    hooks.changed();
  }

  function leave(error: AmqpError | undefined): void {
    const left = channel;
    if (!left) return;
    if (clock.now() - since > lastedMs) attempt = 0;
    channel = undefined;
    hooks.lost?.(left, error);
    hooks.changed();
  }

  function retry(connection: AmqpConnection, error: unknown): void {
    log.warn({ purpose: hooks.purpose, err: error }, "lost a channel on RabbitMQ; opening it again");
    void keepTrying(connection, true);
  }

  /** Never rejects: an attempt that fails is logged and followed by another. */
  async function keepTrying(connection: AmqpConnection, wait: boolean): Promise<void> {
    let pause = wait;
    let told: string | undefined;
    while (connection.open && connection === current && !channel) {
      if (pause) await delay(clock, backoffMs(settings, attempt++));
      pause = true;
      if (!connection.open || connection !== current || channel) return;
      try {
        await openOn(connection);
      } catch (error) {
        const { message } = error as Error;
        // A reason that stays the same is told once: it may do so for as long as a node is down.
        if (connection.open && message !== told)
          log.warn({ purpose: hooks.purpose, err: error }, "cannot open a channel on RabbitMQ; trying again");
        told = message;
      }
    }
  }

  return {
    get channel() {
      return channel;
    },
    async attach(connection, strict) {
      if (current === connection) return;
      leave(undefined);
      current = connection;
      if (!strict) return keepTrying(connection, false);
      try {
        await openOn(connection);
      } catch (error) {
        current = undefined;
        throw error;
      }
    },
    release() {
      current = undefined;
    },
    renew(reason) {
      const left = channel;
      const connection = current;
      leave(undefined);
      // Its answer is of no interest: the channel is replaced whether or not the broker takes its leave.
      void left?.close().catch(() => {});
      if (connection?.open) retry(connection, new Error(reason));
    },
  };
}
