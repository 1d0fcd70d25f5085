import type { Exchange, Queue } from "../transport.ts";

/** The properties that two declarations of one queue must agree on. */
export function described(queue: Queue): string {
  const { type, lifetime, deadLetter, messageTtlMs, deliveryLimit, maxBytes, singleActive } = queue;
  const letters = deadLetter
    ? `dead letters to "${deadLetter.exchange}" ${deadLetter.key ?? "(own key)"}`
    : "no dead letters";
  const ttl = messageTtlMs === undefined ? "no TTL" : `TTL ${messageTtlMs} ms`;
  const limit = deliveryLimit === undefined ? "no delivery limit" : `delivery limit ${deliveryLimit}`;
  const length = maxBytes === undefined ? "any length" : `at most ${maxBytes} bytes`;
  const active = singleActive ? "one active consumer" : "all consumers active";
  return `${type}, ${lifetime}, ${letters}, ${ttl}, ${limit}, ${length}, ${active}`;
}

/** The properties that two declarations of one exchange must agree on. */
export function kind({ type, alternate }: Exchange): string {
  return alternate === undefined ? type : `${type} with alternate "${alternate}"`;
}

/** @throws Error when a name is not for users of the broker */
export function refuseReserved(kind: string, name: string): void {
  if (name !== "" && !name.startsWith("amq.")) return;
  throw new Error(
    `The ${kind} name "${name}" belongs to the broker. Choose one that does not begin with "amq.".`,
  );
}
