import type { Incoming } from "../message.ts";
import { headers, names } from "../names.ts";

/** A queue of messages that wait for somebody to decide. */
export interface Source {
  /** The service whose letters they are, or `warren.unrouted`, `warren.unheard`. */
  readonly name: string;
  readonly queue: string;
  /** Where a letter is published to be tried again; `undefined` where nothing says so. */
  target(message: Incoming): Target | undefined;
  /** Where a letter is published to stay what it is. */
  home(message: Incoming): Target;
}

export interface Target {
  readonly exchange: string;
  readonly key: string;
}

/** What nobody takes: retries whose queue was deleted, and events that nobody subscribed to. */
export const unclaimed: readonly string[] = [names.unrouted, names.unheard];

export function sourceOf(name: string): Source {
  if (name === names.unrouted)
    return {
      name,
      queue: name,
      // The key of a delayed message is the queue it came from. Only events are delayed.
      target: ({ key }) => (eventQueues.test(key) ? queueTarget(key) : undefined),
      home: ({ key }) => ({ exchange: name, key }),
    };
  if (name === names.unheard)
    return {
      name,
      queue: name,
      target: ({ key }) => ({ exchange: names.eventExchange, key }),
      home: ({ key }) => ({ exchange: name, key }),
    };
  const queue = names.dead(name);
  return {
    name,
    queue,
    target: (message) => failedQueue(name, message),
    home: () => ({ exchange: "", key: queue }),
  };
}

/** `<service>.events`, and what begins with it. */
const eventQueues = /^[a-z][a-z0-9-]*\.events(?:\.|$)/;

/**
 * By Warren's own note, else the broker's. A header is only what somebody wrote: where it names no queue of this
 * service, it would have the operator send a stranger's message to somebody else. A call that this service had to make
 * is the exception.
 */
function failedQueue(service: string, message: Incoming): Target | undefined {
  const { headers: all = {} } = message;
  const noted = all[headers.queue] ?? all["x-last-death-queue"] ?? all["x-first-death-queue"];
  if (noted !== undefined && noted === queueOfCall(message)) return queueTarget(noted);
  const own = typeof noted === "string" && noted.startsWith(`${service}.`) && noted !== names.dead(service);
  return own ? queueTarget(noted) : undefined;
}

/** Where its outbox would have sent it. What the broker moved here was in a queue, and in no outbox. */
function queueOfCall({ type = "", headers: all = {} }: Incoming): string | undefined {
  if (all[headers.key] === undefined || all["x-first-death-queue"] !== undefined) return undefined;
  const [called, method] = type.split(".");
  return method === undefined ? undefined : names.requests(called!);
}

function queueTarget(key: string): Target {
  return { exchange: "", key };
}
