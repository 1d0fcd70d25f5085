import type { Exchange } from "../transport.ts";
import type { LiveQueue } from "./queue.ts";
import { topicMatches, words } from "./topic.ts";

/** An exchange with its bindings. */
export interface LiveExchange {
  readonly definition: Exchange;
  /** Idempotent. */
  bind(queue: LiveQueue, key: string): void;
  /** Forgets every binding of a queue that is gone. */
  unbind(queue: LiveQueue): void;
  /** The queues that a message with this key goes to, each once. */
  route(key: string): readonly LiveQueue[];
  /** Gives every binding to another exchange as well. */
  copyTo(other: LiveExchange): void;
}

/** How many routing keys an exchange remembers the way of. Keys may hold ids, so there is no end to them. */
const maxRemembered = 2_000;

export function liveExchange(definition: Exchange): LiveExchange {
  const bindings = new Map<LiveQueue, Map<string, readonly string[]>>();
  const ways = new Map<string, readonly LiveQueue[]>();
  const takes = matchers[definition.type];

  return {
    definition,
    bind(queue, key) {
      const keys = bindings.get(queue) ?? new Map<string, readonly string[]>();
      bindings.set(queue, keys.set(key, words(key)));
      ways.clear();
    },
    unbind(queue) {
      if (bindings.delete(queue)) ways.clear();
    },
    copyTo(other) {
      for (const [queue, keys] of bindings) for (const key of keys.keys()) other.bind(queue, key);
    },
    route(key) {
      const known = ways.get(key);
      if (known !== undefined) return known;
      const keyWords = words(key);
      const found: LiveQueue[] = [];
      for (const [queue, keys] of bindings) if (takes(keys, key, keyWords)) found.push(queue);
      if (ways.size >= maxRemembered) ways.clear();
      ways.set(key, found);
      return found;
    },
  };
}

type Takes = (
  bound: ReadonlyMap<string, readonly string[]>,
  key: string,
  keyWords: readonly string[],
) => boolean;

const matchers: Record<Exchange["type"], Takes> = {
  direct: (bound, key) => bound.has(key),
  fanout: () => true,
  topic(bound, _, keyWords) {
    for (const pattern of bound.values()) if (topicMatches(pattern, keyWords)) return true;
    return false;
  },
};
