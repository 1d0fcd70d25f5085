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
} as const;

/** Headers of Warren's messages, all optional, all readable. */
export const headers = {
  /** When the caller stops waiting, milliseconds since the Unix epoch. */
  deadline: "warren-deadline",
  /** The conversation, where it is not the message's own id. */
  conversation: "warren-conversation",
  /** On whose behalf, as JSON. */
  principal: "warren-principal",
  /** The code of a fault, on a reply whose body is the fault. */
  fault: "warren-fault",
  /** How often the message was tried before, on a retry. */
  attempt: "warren-attempt",
} as const;
