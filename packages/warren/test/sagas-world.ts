import { afterEach, beforeEach } from "vitest";
import { z } from "zod";
import { type Broker, embedded, embeddedBroker } from "../src/embedded/index.ts";
import {
  type App,
  type AppOptions,
  app,
  contract,
  type Logger,
  rpc,
  type Store,
  saga,
  silent,
} from "../src/index.ts";
import { type FreshDatabase, type StoreKind, stores } from "./stores.ts";

export { stores };

export const payments = contract("payments", {
  methods: {
    charge: rpc({
      input: z.object({ order: z.string(), cents: z.number() }),
      output: z.object({ chargeId: z.string() }),
      errors: { DECLINED: z.object({ why: z.string() }) },
    }),
    refund: rpc({ input: z.object({ key: z.string() }) }),
  },
  events: {
    paid: z.object({ order: z.string(), cents: z.number() }),
    closed: z.object({ shop: z.string() }),
  },
});

export const fast = { attempts: 3, baseMs: 1, capMs: 1 };
export const order: z.ZodObject<{ sku: z.ZodString; cents: z.ZodNumber }> = z.object({
  sku: z.string(),
  cents: z.number(),
});

/** A database and a broker that several apps share, each with a store of its own on it. */
export interface SagaWorld {
  readonly broker: Broker;
  /** What was done, in order, by whoever did it. */
  readonly done: string[];
  /** Lines that were logged as warnings or errors. */
  readonly warned: string[];
  store(): Store;
  start(options: Partial<AppOptions>): Promise<App>;
}

/** A new world for each test of the describe block that this is called in. */
export function sagaWorld(kind: StoreKind): () => SagaWorld {
  let database: FreshDatabase;
  let current: SagaWorld;
  const running: App[] = [];
  beforeEach(async () => {
    database = await kind.fresh();
    const broker = embeddedBroker();
    const warned: string[] = [];
    const log: Logger = {
      ...silent,
      warn: (_, message) => void warned.push(message),
      error: (_, message) => void warned.push(message),
      child: () => log,
    };
    current = {
      broker,
      done: [],
      warned,
      store: () => database.open(),
      async start(options) {
        const made = app({ log, transport: embedded({ broker }), ...options });
        running.push(made);
        await made.start();
        return made;
      },
    };
  });
  afterEach(async () => {
    await Promise.all(running.splice(0).map((each) => each.stop({ drainMs: 200 })));
  });
  return () => current;
}

/** Three steps that note what they do; `fails` says which one throws, and what. */
export function threeSteps(
  world: SagaWorld,
  store: Store,
  fails: (what: string) => unknown = () => undefined,
) {
  const act = (what: string): string => {
    world.done.push(what);
    const error = fails(what);
    if (error !== undefined) throw error;
    return `${what}!`;
  };
  return saga("checkout", { input: order, store, retry: fast, undoRetry: fast, leaseMs: 500 })
    .step("reserve", {
      do: ({ input }) => ({ hold: act("reserve"), sku: input.sku }),
      undo: ({ result, completed }) => void act(`undo reserve ${result?.hold} ${completed}`),
    })
    .step("charge", {
      do: ({ done }) => act(`charge ${done.reserve.sku}`),
      undo: ({ result }) => void act(`undo charge ${result}`),
    })
    .step("ship", {
      do: ({ done }) => act(`ship ${done.charge}`),
      undo: ({ result }) => void act(`undo ship ${result}`),
    })
    .finish(({ id, done }) => ({ id, shipped: done.ship }));
}
