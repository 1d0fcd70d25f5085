import { drawnFor } from "warren-example-host";
import type { Line } from "./line.ts";

/** Somebody outside of the system who does a step: counts goods, drives them here, carries them away. */
export interface Partner {
  readonly name: string;
  /**
   * Asked for the same order twice it says the same and does it once.
   * @throws Error when it cannot be reached: nobody knows what it will say
   */
  ask(line: Line): Promise<Answer>;
}

/** What a partner says: done, with its own number for it, or no, with a reason. */
export type Answer = { readonly done: string } | { readonly refused: string };

/** Who is asked at which step. */
export interface Partners {
  readonly counter: Partner;
  readonly haulier: Partner;
  readonly carrier: Partner;
}

/** Partners that are no further away than this process, and do what they are asked; only a piano they do not carry. */
export function friendlyPartners(): Partners {
  return {
    counter: friendly("counter"),
    haulier: friendly("haulier"),
    carrier: friendly("carrier", ({ sku }) => (sku === "piano" ? "too heavy for us" : undefined)),
  };
}

function friendly(name: string, refusal: (line: Line) => string | undefined = () => undefined): Partner {
  return {
    name,
    async ask(line) {
      const refused = refusal(line);
      return refused === undefined ? { done: `${name}-${line.orderId.slice(0, 8)}` } : { refused };
    },
  };
}

export interface FailureOptions {
  /** Which part of all orders fails at each partner, from 0 to 1. */
  readonly share: number;
  /** The same seed fails the same orders. */
  readonly seed: string;
}

/**
 * The same partners, who fail for some orders: half of those they refuse, and for the others they cannot be reached,
 * however often they are asked.
 */
export function failing(partners: Partners, { share, seed }: FailureOptions): Partners {
  const some = (partner: Partner): Partner => ({
    name: partner.name,
    ask(line) {
      const drawn = drawnFor(`${seed} ${partner.name} ${line.orderId}`);
      if (drawn >= share) return partner.ask(line);
      if (drawn < share / 2) return Promise.resolve({ refused: `the ${partner.name} says no` });
      return Promise.reject(new Error(`The ${partner.name} cannot be reached.`));
    },
  });
  const { counter, haulier, carrier } = partners;
  return { counter: some(counter), haulier: some(haulier), carrier: some(carrier) };
}
