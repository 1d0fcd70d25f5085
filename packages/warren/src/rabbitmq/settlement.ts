import type { Disposition } from "../transport.ts";
import type { AmqpChannel } from "./amqp.ts";

/**
 * Settles the deliveries of one channel. Acks of a tick leave together: one `multiple` for the deliveries before the
 * first that is still under way, since that one would otherwise be acked too, and a single one for each of the rest.
 */
export interface Settlement {
  /** This delivery is under way; to be called in the order of delivery, and not at all when settled at once. */
  begin(tag: number): void;
  settle(tag: number, disposition: Disposition): void;
}

export function settlement(channel: AmqpChannel): Settlement {
  /** In order of delivery, as tags grow and a set keeps the order of insertion. */
  const underway = new Set<number>();
  let acked: number[] = [];

  function flush(): void {
    const tags = acked;
    acked = [];
    const first = underway.values().next();
    const limit = first.done ? Number.POSITIVE_INFINITY : first.value;
    let upTo = 0;
    let covered = 0;
    for (const tag of tags) {
      if (tag < limit) {
        covered++;
        if (tag > upTo) upTo = tag;
      } else {
        channel.ack(tag, false);
      }
    }
    if (covered > 0) channel.ack(upTo, covered > 1);
  }

  return {
    begin(tag) {
      underway.add(tag);
    },
    settle(tag, disposition) {
      if (disposition === "ack") {
        if (acked.push(tag) === 1) channel.beforeFlush(flush);
      } else {
        channel.reject(tag, disposition === "requeue");
      }
      underway.delete(tag);
    },
  };
}
