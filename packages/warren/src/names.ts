/** The names on the broker, in one place. Service names hold no dots, so none of these can meet another. */
export const names = {
  /** Calls to any instance of a service. */
  requests: (service: string): string => `${service}.requests`,
  /** Calls to one instance, and to all of them. */
  instance: (service: string, instance: string): string => `${service}.instance.${instance}`,
  /** Events for a service; its instances compete. */
  events: (service: string): string => `${service}.events`,
  /** Events that every instance of a service wants. */
  instanceEvents: (service: string, instance: string): string => `${service}.events.${instance}`,
  /** An event that a process hears beside its services; `id` begins with its instance. */
  listener: (id: string): string => `warren.events.${id}`,
  /** Events whose reactions run in order; one instance of the service has them all. */
  orderedEvents: (service: string): string => `${service}.events.ordered`,
  /** Events that were in hand each time a process died, to be run alone. */
  quarantine: (service: string): string => `${service}.quarantine`,
  /** Messages that a service gave up on. */
  dead: (service: string): string => `${service}.dead`,
  /** Messages that wait `delayMs` before they are tried again: an exchange and its queue. */
  delay: (delayMs: number): string => `warren.delay.${delayMs}`,
  /** Topic exchange of all events; key `<service>.<event>`. */
  eventExchange: "warren.events",
  /** Direct exchange from which every instance of a service gets a copy; key `<service>`. */
  instanceExchange: "warren.instances",
  /** Direct exchange that brings delayed messages home; key is the name of the queue. */
  deliverExchange: "warren.deliver",
  /** Fanout exchange and queue of delayed messages whose queue is gone when they come home. */
  unrouted: "warren.unrouted",
  /** Fanout exchange and queue of events that nobody subscribes to: the latest, for a day. */
  unheard: "warren.unheard",
  /** Queue with one message per service that ever started: what tools look up, as AMQP lists no queues. */
  services: "warren.services",
  /** Exists while somebody looks through a queue, so that two do not each see half of it. */
  looking: (queue: string): string => `warren.looking.${queue}`,
} as const;

/** Headers of Warren's messages, all optional, all readable. */
export const headers = {
  /** When the caller stops waiting, milliseconds since the Unix epoch. */
  deadline: "warren-deadline",
  /** The conversation, where it is not the message's own id. */
  conversation: "warren-conversation",
  /** On whose behalf, as JSON. */
  principal: "warren-principal",
  /** On a call: the caller's idempotency key. */
  key: "warren-key",
  /** The code of a fault, on a reply whose body is the fault. */
  fault: "warren-fault",
  /** Which try this is, from the second on; on a dead letter how many there were. */
  attempt: "warren-attempt",
  /** On a message that is tried again, and on a dead letter: the `traceparent` of the try that failed. */
  failedTrace: "warren-failed-trace",
  /** In quarantine: how often it had come back undone before. */
  suspected: "warren-suspected",
  /** When the first try failed (ISO 8601). */
  firstFailedAt: "warren-first-failed-at",
  /** On a dead letter: why it was given up (`failed`, `given-up`, `undo-failed`, `undecodable`, `unknown`, `invalid`, `crashed`), the error's text, and its stack. */
  reason: "warren-reason",
  error: "warren-error",
  stack: "warren-stack",
  /** On a dead letter: the queue it came from, and when it was given up (ISO 8601). */
  queue: "warren-queue",
  failedAt: "warren-failed-at",
  /** On a dead letter: who gave it up. The version is what the app was told. */
  service: "warren-service",
  version: "warren-version",
  instance: "warren-instance",
  /** How often it was replayed after it had been a dead letter. */
  replayed: "warren-replayed",
  /** When somebody changed it as a dead letter (ISO 8601). */
  edited: "warren-edited",
  /** CloudEvents 1.0 attributes that AMQP has no property for. */
  eventSource: "cloudEvents_source",
  eventSpec: "cloudEvents_specversion",
} as const;

/**
 * Whether a header is the broker's own to write: its notes on what became of a message, and further routing keys. RabbitMQ
 * up to 3.13 reads back old notes on a message that is published again, and drops it as going in circles. Other names
 * that begin with `x-` are anybody's.
 */
export function isBrokersOwn(header: string): boolean {
  return brokersOwn.test(header);
}

const brokersOwn = /^(?:x-(?:death|first-death-|last-death-|delivery-count|acquired-count)|B?CC$)/;

/** W3C trace context and baggage travel with everything that a message causes; unread where nothing is traced. */
export const traceHeaders = ["traceparent", "tracestate", "baggage"] as const;
