import { afterEach } from "vitest";
import { z } from "zod";
import { embedded } from "../src/embedded/index.ts";
import {
  type App,
  type AppOptions,
  app,
  attempt,
  type CallMiddleware,
  type Context,
  contract,
  type Fault,
  type Middleware,
  rpc,
  service,
  silent,
} from "../src/index.ts";
import { type VirtualClock, virtualClock } from "../src/testing/virtual-clock.ts";

export const depot = contract("depot", {
  methods: {
    take: rpc({
      input: z.any(),
      output: z.any(),
      errors: { EMPTY: {} },
      timeoutMs: 60_000,
      idempotent: true,
    }),
    look: rpc({ input: z.any(), output: z.any(), timeoutMs: 60_000 }),
  },
  events: { moved: z.object({ n: z.number() }) },
});
export const yard = contract("yard", {
  methods: { ask: rpc({ input: z.any(), output: z.any(), timeoutMs: 1_000 }) },
});

/** Where a guard stands: around the handlers of `depot`, or around the calls made to it. */
export const positions = ["use", "outgoing"] as const;
export type Position = (typeof positions)[number];

export interface Depot {
  readonly app: App;
  readonly clock: VirtualClock;
  /** How often the handler of `take` ran. */
  readonly runs: () => number;
  take(input?: unknown, options?: object): Promise<unknown>;
  /** The fault that a call of `take` ends with. */
  fault(input?: unknown, options?: object): Promise<Fault>;
}

const running: App[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map((each) => each.stop({ drainMs: 0 })));
});

/** An app on a clock of its own whose service `depot` does what the test says, guarded at `position`. */
export async function guarded(
  position: Position,
  guard: Middleware & CallMiddleware,
  take: (input: any, context: Context) => unknown,
  more: Partial<AppOptions> = {},
): Promise<Depot> {
  const clock = virtualClock();
  let runs = 0;
  const depotService = service(depot, {
    methods: {
      take(input, context) {
        runs++;
        return take(input, context);
      },
      look: (input, context) => take(input, context),
    },
  });
  const yardService = service(yard, {
    uses: { depot },
    methods: { ask: (input, { call }) => call.depot.take(input) },
  });
  const made = app({
    transport: embedded({ clock }),
    clock,
    services: [depotService, yardService],
    log: silent,
    [position]: [guard],
    ...more,
  });
  running.push(made);
  await made.start();
  const call = made.client(depot).take;
  return {
    app: made,
    clock,
    runs: () => runs,
    take: call,
    async fault(input, options) {
      const outcome = await attempt(call(input, options));
      if (outcome.ok) throw new Error(`expected a fault, got ${JSON.stringify(outcome.value)}`);
      return outcome.error as Fault;
    },
  };
}

/** Ends when the test says so. */
export function doors() {
  const waiting: (() => void)[] = [];
  return {
    get inside() {
      return waiting.length;
    },
    enter: (): Promise<void> => new Promise((resolve) => waiting.push(resolve)),
    /** Lets out the one that has been inside the longest. */
    leave: (): void => waiting.shift()?.(),
  };
}
