import { Fault } from "../index.ts";

/** Bounds how much is worked on at once. */
export interface InFlight {
  /** @throws Fault OVERLOADED when there is no room */
  check(): void;
  /** Does some work, which counts until it has settled. @throws Fault OVERLOADED when there is no room */
  run<T>(work: () => Promise<T>): Promise<T>;
}

export function inFlight(limit: number): InFlight {
  let running = 0;
  const check = (): void => {
    if (running >= limit)
      throw new Fault("OVERLOADED", { limit }, { message: `${limit} requests are being worked on already.` });
  };
  return {
    check,
    async run(work) {
      check();
      running++;
      try {
        return await work();
      } finally {
        running--;
      }
    },
  };
}
