import type { ConsumeOptions, Consumer, Disposition, Handle } from "../transport.ts";
import type { AmqpChannel, AmqpConnection, RawMessage } from "./amqp.ts";
import type { Settings } from "./options.ts";
import { type Settlement, settlement } from "./settlement.ts";
import { type SteadyChannel, steadyChannel } from "./steady-channel.ts";
import { incoming } from "./translate.ts";

/** A consumer that attaches itself again. */
export interface QueueConsumer extends Consumer {
  readonly queue: string;
  readonly attached: boolean;
  attach: SteadyChannel["attach"];
  /** To be told now and then how many messages are ready in the queue. Attaches anew when it gets none of them. */
  look(ready: number): void;
}

export interface ConsumerHooks {
  changed(): void;
  /** The queue may be gone: make it exist again. */
  redeclare(connection: AmqpConnection, queue: string): Promise<void>;
}

/** How often messages are seen to be ready, with none being delivered in between, before the consumer attaches anew. */
const looksToRenew = 2;

export function queueConsumer(
  settings: Settings,
  queue: string,
  handle: Handle,
  { prefetch, inOrder = false, backTogether = inOrder, lost }: ConsumeOptions,
  hooks: ConsumerHooks,
): QueueConsumer {
  let running = 0;
  let stopping: Promise<void> | undefined;
  let idle: (() => void) | undefined;
  /** The channel is left, or closed: what came over it counts for nothing. */
  let gone = (): void => {};
  /** On this channel. */
  let delivered = 0;
  let deliveredAtLook = 0;
  let looksInVain = 0;

  const steady = steadyChannel(settings, {
    purpose: `consume ${queue}`,
    changed: hooks.changed,
    async open(connection, again) {
      if (again) await hooks.redeclare(connection, queue);
      const channel = await connection.channel();
      await channel.prefetch(prefetch);
      let isGone = false;
      gone = () => {
        if (!isGone && !stopping) lost?.();
        isGone = true;
      };
      channel.onClosed(gone);
      const settle = settlement(channel);
      delivered = deliveredAtLook = looksInVain = 0;
      await channel.consume(queue, false, (raw) => {
        if (raw) deliver(settle, raw);
        else if (!stopping) steady.renew("the broker ended the consumer, as when its queue is deleted");
      });
      return channel;
    },
    // Not when the broker has answered the goodbye: the next channel may have brought messages by then.
    lost: () => gone(),
  });

  function deliver(settle: Settlement, raw: RawMessage): void {
    // Also while stopping, until the broker has read the cancel: what it sent before would go back as redelivered,
    // which for a call means that nobody dares to run it. In order, it goes back when the channel closes.
    if (inOrder && stopping) return;
    delivered++;
    const tag = raw.fields.deliveryTag;
    let outcome: Disposition | Promise<Disposition>;
    try {
      outcome = handle(incoming(raw));
    } catch (error) {
      outcome = thrown(error);
    }
    if (typeof outcome === "string") return settled(settle, tag, outcome);
    if (typeof outcome?.then !== "function") {
      return settle.settle(
        tag,
        thrown(new TypeError(`The handler returned ${String(outcome)}, which is no disposition.`)),
      );
    }
    running++;
    settle.begin(tag);
    outcome.then(
      (disposition) => finish(settle, tag, disposition),
      (error) => finish(settle, tag, thrown(error)),
    );
  }

  function thrown(error: unknown): Disposition {
    settings.log.error({ queue, err: error }, "a handler of messages threw; the message is rejected");
    return "reject";
  }

  function settled(settle: Settlement, tag: number, disposition: Disposition): void {
    // Given back by itself, it would be delivered before or after others that are still in hand.
    if (backTogether && stopping && disposition === "requeue") return;
    settle.settle(tag, disposition);
  }

  function finish(settle: Settlement, tag: number, disposition: Disposition): void {
    settled(settle, tag, disposition);
    running--;
    if (running === 0) idle?.();
  }

  /**
   * RabbitMQ 3.10 may count deliveries as in hand that a partition swallowed on their way between two nodes. It sends
   * nothing more then, for ever, until the channel is closed.
   */
  function look(ready: number): void {
    const mayWait = inOrder && delivered === 0; // Another one may be the active one.
    const inVain = ready > 0 && running === 0 && delivered === deliveredAtLook && !mayWait;
    looksInVain = inVain ? looksInVain + 1 : 0;
    deliveredAtLook = delivered;
    if (looksInVain < looksToRenew || !steady.channel || stopping) return;
    looksInVain = 0;
    steady.renew(`${ready} messages are ready in ${queue}, and none of them comes`);
  }

  async function stop(): Promise<void> {
    const { channel } = steady;
    steady.release();
    if (!inOrder) await cancelled(channel);
    if (running > 0) {
      await new Promise<void>((resolve) => {
        idle = resolve;
      });
    }
    // The answer to the close tells that the broker has read the acks before it.
    await channel
      ?.close()
      .catch((error) =>
        settings.log.debug({ queue, err: error }, "the channel of a stopped consumer was lost"),
      );
  }

  /** A consumer whose channel breaks meanwhile is cancelled just as well. */
  async function cancelled(channel: AmqpChannel | undefined): Promise<void> {
    if (!channel?.open) return;
    await channel
      .cancel()
      .catch((error) =>
        settings.log.debug({ queue, err: error }, "the channel of a stopping consumer was lost"),
      );
  }

  return {
    queue,
    get attached() {
      return steady.channel !== undefined;
    },
    look,
    attach: (connection, strict) => (stopping ? Promise.resolve() : steady.attach(connection, strict)),
    stop() {
      stopping ??= stop();
      return stopping;
    },
  };
}
