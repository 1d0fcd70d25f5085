import type { Channel } from "amqplib";

export const exchange = "twin.events";
export const queue = "twin.ledger.events";
export const key = "till.sold";

/** The same exchange and queue as Warren declares, so that the broker has the same to do. */
export async function declareTwin(channel: Channel): Promise<void> {
  const quorum = { "x-queue-type": "quorum" };
  await channel.assertExchange("twin.unheard", "fanout");
  await channel.assertQueue("twin.unheard", { arguments: { ...quorum, "x-max-length": 10_000 } });
  await channel.bindQueue("twin.unheard", "twin.unheard", "");
  await channel.assertExchange(exchange, "topic", { alternateExchange: "twin.unheard" });
  await channel.assertQueue("twin.ledger.dead", { arguments: quorum });
  await channel.assertQueue(queue, {
    arguments: {
      ...quorum,
      "x-delivery-limit": 20,
      "x-dead-letter-exchange": "",
      "x-dead-letter-routing-key": "twin.ledger.dead",
      "x-dead-letter-strategy": "at-least-once",
      "x-overflow": "reject-publish",
    },
  });
  await channel.bindQueue(queue, exchange, key);
}
