import { Fault } from "../fault.ts";
import type { Incoming } from "../message.ts";
import { headers, names } from "../names.ts";
import type { Bury } from "../retry/bury.ts";
import { carried, type Move } from "../retry/move.ts";
import { quarantineQueue } from "../retry/topology.ts";
import type { Disposition, Handle } from "../transport.ts";

export interface QuarantineOptions {
  readonly service: string;
  readonly hear: Handle;
  readonly move: Move;
  readonly bury: Bury;
}

/**
 * How often a message may come back undone before it is suspected of killing the process that works on it. All that
 * were in hand at the time come back as often as the guilty one, and a broker that counts only deliveries would give
 * up all of them.
 */
const suspectedAfter = 3;

/** Handles events, those excepted that came back too often: they go to the quarantine, confirmed. */
export function sparingNeighbours({ service, hear, move }: QuarantineOptions): Handle {
  return function handle(message: Incoming): Disposition | Promise<Disposition> {
    if (message.returns < suspectedAfter) return hear(message);
    return move(message, {
      exchange: "",
      key: names.quarantine(service),
      headers: { ...carried(message), [headers.suspected]: message.returns },
      topology: { queues: [quarantineQueue(service)] },
    }).then((done) => (done === "too-large" ? hear(message) : done));
  };
}

/**
 * Handles the events in quarantine, to be consumed one at a time: one that kills its process now takes nothing along,
 * and the innocent among them are done. One that comes back from here as often again is a dead letter.
 */
export function oneAtATime({ service, hear, bury }: QuarantineOptions): Handle {
  return function handle(message: Incoming): Disposition | Promise<Disposition> {
    if (message.returns < suspectedAfter) return hear(message);
    const before = Number(message.headers?.[headers.suspected] ?? 0);
    const text = `Came back ${before + message.returns} times, the last ${message.returns} of them alone in hand: whatever worked on it was gone each time. It may make the process crash, run out of memory or block.`;
    const error = new Fault("UNKNOWN_OUTCOME", { returns: before + message.returns }, { message: text });
    return bury(message, { service, queue: names.events(service), reason: "crashed", error });
  };
}
