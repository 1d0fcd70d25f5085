import { type Random, randomId } from "../id.ts";
import type { Incoming } from "../message.ts";
import type { AmqpConnection } from "./amqp.ts";
import type { Settings } from "./options.ts";
import { type SteadyChannel, steadyChannel } from "./steady-channel.ts";
import { incoming } from "./translate.ts";

/**
 * A place for replies, a new one on every connection: an exclusive queue, consumed without acks, as its messages are
 * of no use to anyone once this process is gone. RabbitMQ's direct reply-to was measured against it, 100 calls in
 * flight and one at a time, and was not faster beyond the noise; a queue is also returned to (`mandatory`) on every
 * version of RabbitMQ when it is gone, and has an address that means the same in every process.
 */
export interface ReplyAddress {
  /** `undefined` while there is none. */
  readonly address: string | undefined;
  readonly attached: boolean;
  attach: SteadyChannel["attach"];
}

export function replyAddress(
  settings: Settings,
  handle: (message: Incoming) => void,
  changed: () => void,
): ReplyAddress {
  let address = queueName(settings.random);
  const steady = steadyChannel(settings, {
    purpose: "replies",
    changed,
    async open(connection: AmqpConnection) {
      const channel = await connection.channel();
      const queue = queueName(settings.random);
      await channel.queue(queue, {
        durable: false,
        exclusive: true,
        arguments: { "x-queue-type": "classic" },
      });
      await channel.consume(queue, true, (raw) => {
        if (!raw) return steady.renew("the broker ended the consumer, as when its queue is deleted");
        try {
          handle(incoming(raw));
        } catch (error) {
          settings.log.error({ err: error }, "a handler of replies threw");
        }
      });
      address = queue;
      return channel;
    },
  });
  return {
    get address() {
      return steady.channel === undefined ? undefined : address;
    },
    get attached() {
      return steady.channel !== undefined;
    },
    attach: steady.attach,
  };
}

function queueName(random: Random): string {
  return `warren.replies.${randomId(random)}`;
}
