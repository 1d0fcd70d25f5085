/** Lets so many pieces of work run at once; the others wait for their turn. */
export interface Slots {
  run<T>(work: () => Promise<T>): Promise<T>;
  /** None runs, and so none waits. */
  readonly idle: boolean;
  /** Resolves when `idle`; work that follows from what has just ended may be about to begin. */
  whenIdle(): Promise<void>;
}

export function slots(count: number): Slots {
  const waiting: (() => void)[] = [];
  let free = count;
  let idling: (() => void)[] = [];

  function leave(): void {
    const next = waiting.shift();
    if (next !== undefined) return next();
    free++;
    if (free < count) return;
    const told = idling;
    idling = [];
    for (const tell of told) tell();
  }

  return {
    async run(work) {
      if (free > 0) free--;
      else await new Promise<void>((resolve) => waiting.push(resolve));
      try {
        return await work();
      } finally {
        leave();
      }
    },
    get idle() {
      return free === count;
    },
    whenIdle: () => (free === count ? Promise.resolve() : new Promise((resolve) => idling.push(resolve))),
  };
}
