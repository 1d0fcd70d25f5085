import { Fault } from "../fault.ts";

/** States by their keys, made when they are first needed. */
export interface Keyed<T> {
  /** @throws Fault OVERLOADED when there are too many that cannot be forgotten */
  of(key: string): T;
}

/** Keys may be made of what callers send, so there is no end to them. */
export const maxKeys = 10_000;
/** How many states are looked at to make room for one: a bound on what one stranger costs. */
const lookedAt = 16;

/** A state that says it is `idle` is no different from a new one, and is forgotten when room is needed. */
export function keyed<T extends { readonly idle: boolean }>(make: (key: string) => T): Keyed<T> {
  const states = new Map<string, T>();

  function makeRoom(): void {
    let left = lookedAt;
    for (const [key, state] of states) {
      states.delete(key);
      // To the end, so that the next one who needs room looks at others.
      if (!state.idle) states.set(key, state);
      if (--left === 0) return;
    }
  }

  return {
    of(key) {
      const known = states.get(key);
      if (known !== undefined) return known;
      if (states.size >= maxKeys) makeRoom();
      if (states.size >= maxKeys)
        throw new Fault(
          "OVERLOADED",
          { limit: maxKeys },
          { message: `${maxKeys} different keys are being kept apart already.` },
        );
      const made = make(key);
      states.set(key, made);
      return made;
    },
  };
}
