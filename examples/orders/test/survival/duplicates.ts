import { connect } from "amqplib";

/** Publishes events again, as a broker may. */
export interface Duplicates {
  /** How many so far. */
  readonly count: number;
  /** The latest events, in another order, once more. */
  again(): void;
  close(): Promise<void>;
}

/** Hears all events of a broker, and publishes some of them again: the same bytes under the same id. */
export async function duplicates(url: string, share: number, random: () => number): Promise<Duplicates> {
  const connection = await connect(url);
  const channel = await connection.createChannel();
  const { queue } = await channel.assertQueue("", { exclusive: true });
  await channel.bindQueue(queue, "warren.events", "#");
  const repeated = new Set<string>();
  const latest: (() => void)[] = [];
  let count = 0;
  await channel.consume(
    queue,
    (message) => {
      if (message === null) return;
      const { content, fields, properties } = message;
      const id = String(properties.messageId);
      // What comes back here was published here.
      if (repeated.has(id)) return;
      const repeat = (): void => {
        count++;
        channel.publish(fields.exchange, fields.routingKey, content, properties);
      };
      repeated.add(id);
      if (random() < share) repeat();
      latest.push(repeat);
      if (latest.length > 500) latest.shift();
    },
    { noAck: true },
  );
  return {
    get count() {
      return count;
    },
    again() {
      for (const repeat of latest.toReversed()) repeat();
    },
    close: () => connection.close(),
  };
}
