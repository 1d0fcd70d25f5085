import type { Presence } from "../directory/presence.ts";
import { Fault } from "../fault.ts";
import type { Incoming } from "../message.ts";
import { names } from "../names.ts";
import type { Disposition, Handle } from "../transport.ts";
import type { Answering } from "./answering.ts";

export interface AddressedOptions {
  readonly service: string;
  readonly instance: string;
  /** Runs what was asked for. */
  readonly answer: Handle;
  readonly answers: Answering;
  readonly presence: Presence;
}

/** What comes to one instance by its name. */
export interface Addressed {
  /** While the instance leaves, its caller is told UNAVAILABLE at once; a call to all instances gets no answer of it. */
  readonly handle: Handle;
  /** Resolves when nothing is under way. */
  idle(): Promise<void>;
}

export function addressed(options: AddressedOptions): Addressed {
  const { answer, answers, presence } = options;
  let underWay = 0;
  let waiting: (() => void)[] = [];

  function done(): void {
    underWay--;
    if (underWay > 0) return;
    for (const tell of waiting) tell();
    waiting = [];
  }

  function refuse(message: Incoming): Disposition | Promise<Disposition> {
    if (message.exchange === names.instanceExchange) return "ack";
    return answers.answerFault(message, leaving(options, message.type));
  }

  return {
    handle(message) {
      if (presence.heard(message)) return "ack";
      if (presence.phase === "leaving" || presence.phase === "left") return refuse(message);
      const settled = answer(message);
      if (!(settled instanceof Promise)) return settled;
      underWay++;
      // Beside it, and not before: one promise less for each message.
      void settled.then(done, done);
      return settled;
    },
    idle: () => (underWay === 0 ? Promise.resolve() : new Promise((resolve) => void waiting.push(resolve))),
  };
}

function leaving({ service, instance }: AddressedOptions, method: string | undefined): Fault {
  const message = `Service "${service}" is unavailable: its instance "${instance}" is leaving. It did not run.`;
  return new Fault("UNAVAILABLE", { service, method }, { message });
}
