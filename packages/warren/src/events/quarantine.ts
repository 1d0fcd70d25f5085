import { aboutMessage } from "../about-message.ts";
import { Fault } from "../fault.ts";
import type { Logger } from "../log.ts";
import type { Incoming } from "../message.ts";
import { headers, names } from "../names.ts";
import type { Bury } from "../retry/bury.ts";
import { carried, type Move } from "../retry/move.ts";
import type { Clock } from "../time.ts";
import type { Disposition, Handle } from "../transport.ts";
import { quarantineQueue } from "./queues.ts";
import { type Returns, returns } from "./returns.ts";

export interface QuarantineOptions {
  readonly service: string;
  /** What is done with an event. */
  readonly hear: Handle;
  readonly move: Move;
  readonly bury: Bury;
  readonly clock: Clock;
  readonly log: Logger;
}

/** What a queue is to be consumed with. */
export interface Attendant {
  readonly handle: Handle;
  /** For `ConsumeOptions.lost`. */
  lost(): void;
}

export interface Quarantine {
  /** For the queue of events: handles them, those excepted that came back too often. They go to the quarantine, confirmed. */
  readonly sparing: Attendant;
  /**
   * For the queue of those in quarantine, to be consumed one at a time: one that kills its process now takes nothing
   * along, and the innocent among them are done. One that comes back from here as often again is a dead letter.
   */
  readonly alone: Attendant;
}

/**
 * How often a message may come back undone, for no reason that is known here, before it is suspected of killing the
 * process that works on it. All that were in hand at the time come back as often as the guilty one, and a broker that
 * counts only deliveries would give up all of them.
 */
export const suspectedAfter = 3;

/**
 * As often, it is suspected though each connection was lost and the process lived on: a handler that blocks for longer
 * than the broker waits for a heartbeat costs the connection every time. Below the delivery limit of the queue, at which
 * the broker would make dead letters of all that were in hand.
 */
const suspectedAnyway = 12;

export function quarantine({ service, hear, move, bury, clock, log }: QuarantineOptions): Quarantine {
  const [amongOthers, inQuarantine] = [returns(), returns()];
  let moving = 0;
  const waiting: (() => void)[] = [];

  function tell(message: Incoming, text: string): void {
    log.warn({ ...aboutMessage(message), returns: message.returns }, text);
  }

  function spare(message: Incoming): Promise<Disposition> {
    moving++;
    tell(
      message,
      `an event keeps coming back undone, and moves to ${names.quarantine(service)} to run alone`,
    );
    const moved = move(message, {
      exchange: "",
      key: names.quarantine(service),
      headers: { ...carried(message), [headers.suspected]: message.returns },
      topology: { queues: [quarantineQueue(service)] },
    });
    return moved
      .then((done) => (done === "too-large" ? hear(message) : done))
      .finally(() => {
        // Soon: the acknowledgement is to be on its way first.
        clock.soon(() => {
          if (--moving > 0) return;
          for (const go of waiting.splice(0)) go();
        });
      });
  }

  /** A process killed in the middle of moving would leave those in both places. */
  function nothingMoves(): Promise<void> {
    return new Promise((resolve) => waiting.push(resolve));
  }

  function condemn(message: Incoming): Promise<Disposition> {
    const noted = message.headers?.[headers.suspected];
    // A header is only what somebody wrote.
    const before = typeof noted === "number" && Number.isSafeInteger(noted) && noted > 0 ? noted : 0;
    const text = `Came back ${before + message.returns} times, the last ${message.returns} of them alone in hand: whatever worked on it, or its connection, was gone each time. It may make the process crash, run out of memory or block.`;
    const error = new Fault("UNKNOWN_OUTCOME", { returns: before + message.returns }, { message: text });
    return bury(message, { service, queue: names.events(service), reason: "crashed", error });
  }

  function sparing(message: Incoming): Disposition | Promise<Disposition> {
    return isSuspect(message, amongOthers) ? spare(message) : hear(message);
  }

  function alone(message: Incoming): Disposition | Promise<Disposition> {
    if (isSuspect(message, inQuarantine)) return condemn(message);
    // Nothing else was in hand: where processes end one after the other, this line names the one that ends them.
    if (message.returns > 0)
      tell(message, "an event came back undone though it ran alone, and runs once more");
    return moving === 0 ? hear(message) : nothingMoves().then(() => hear(message));
  }

  function isSuspect(message: Incoming, known: Returns): boolean {
    return message.returns >= suspectedAnyway || known.unexplained(message) >= suspectedAfter;
  }

  return {
    sparing: { handle: amongOthers.attended(sparing), lost: amongOthers.lost },
    alone: { handle: inQuarantine.attended(alone), lost: inQuarantine.lost },
  };
}
