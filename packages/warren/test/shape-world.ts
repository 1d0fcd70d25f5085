import { afterEach, beforeEach } from "vitest";
import { z } from "zod";
import { amqpUrl } from "../../../test/amqp-url.ts";
import { type Broker, embedded, embeddedBroker } from "../src/embedded/index.ts";
import {
  type App,
  type AppOptions,
  app,
  attempt,
  type Contract,
  contract,
  type Fault,
  randomId,
  rpc,
  type Service,
  type ServiceDefinition,
  service,
  silent,
  systemRandom,
  type Transport,
} from "../src/index.ts";
import { rabbitmq } from "../src/rabbitmq/index.ts";

export const transports = ["embedded", "rabbitmq"] as const;
export type TransportName = (typeof transports)[number];

function shapeContract(name: string) {
  return contract(name, {
    methods: {
      echo: rpc({ input: z.any(), output: z.any() }),
      add: rpc({ input: z.object({ a: z.number(), b: z.number() }), output: z.number() }),
      nothing: rpc(),
      declared: rpc({
        output: z.string(),
        errors: { GONE: z.object({ since: z.number() }), SHUT: { message: "Closed until Monday" } },
      }),
      boom: rpc({ output: z.string() }),
      lies: rpc({ output: z.object({ n: z.number() }) }),
      slow: rpc({ input: z.object({ tag: z.string() }), output: z.string(), timeoutMs: 5_000 }),
      again: rpc({ output: z.string(), idempotent: true, timeoutMs: 5_000 }),
      secret: rpc({ output: z.string(), access: { scopes: ["read"] } }),
      nested: rpc({ output: z.string() }),
    },
  });
}

function otherContract(name: string) {
  return contract(name, { methods: { ask: rpc({ output: z.string(), errors: { NO: {} } }) } });
}

type Shape = ReturnType<typeof shapeContract>;
type Other = ReturnType<typeof otherContract>;
export type ShapeHandlers = ServiceDefinition<Shape, { other: Other }>["methods"];

/** Two contracts under names of their own, on a broker of their own or a shared one, and what was started on it. */
export interface World {
  readonly shape: Shape;
  readonly other: Other;
  /** The broker, where it is the embedded one. */
  readonly broker: Broker;
  connect(options?: { readonly maxMessageBytes?: number }): Transport;
  start(options?: Partial<AppOptions>): Promise<App>;
  /** An implementation of `shape` with some handlers of the test's. */
  shapeService(handlers?: Partial<ShapeHandlers>, concurrency?: number): Service<Contract>;
}

/** A new world for each test of the describe block it is called in. */
export function world(name: TransportName): () => World {
  let current: World;
  const running: App[] = [];
  beforeEach(() => {
    current = make(name, running);
  });
  afterEach(async () => {
    await Promise.all(running.splice(0).map((each) => each.stop({ drainMs: 200 })));
  });
  return () => current;
}

function make(name: TransportName, running: App[]): World {
  const suffix = randomId(systemRandom, 8);
  const shape = shapeContract(`shape-${suffix}`);
  const other = otherContract(`other-${suffix}`);
  const broker = embeddedBroker();
  const connect: World["connect"] = (options = {}) =>
    name === "embedded"
      ? embedded(options.maxMessageBytes === undefined ? { broker } : { broker: embeddedBroker(options) })
      : rabbitmq({ url: amqpUrl(), ...options });
  return {
    shape,
    other,
    broker,
    connect,
    async start(options = {}) {
      const made = app({ log: silent, transport: connect(), ...options });
      running.push(made);
      await made.start();
      return made;
    },
    shapeService: (handlers = {}, concurrency = 100) =>
      service(shape, {
        uses: { other },
        methods: { ...usual, ...handlers },
        concurrency,
      }) as Service<Contract>,
  };
}

const unexpected = (): never => {
  throw new Error("not expected in this test");
};

const usual: ShapeHandlers = {
  echo: (input) => input,
  add: ({ a, b }) => a + b,
  nothing: () => {},
  declared: (_, { fail }) => {
    throw fail.GONE({ since: 7 });
  },
  boom: () => {
    throw new Error("the password is hunter2");
  },
  lies: () => ({ n: "no number" }) as never,
  slow: unexpected,
  again: unexpected,
  secret: (_, { principal }) => principal?.subject ?? "",
  nested: unexpected,
};

/** The fault a call rejects with. */
export async function faultOf(call: Promise<unknown>): Promise<Fault> {
  const result = await attempt(call as Promise<unknown>);
  if (result.ok) throw new Error(`expected a fault, got ${JSON.stringify(result.value)}`);
  return result.error as Fault;
}

/** Something to wait for. */
export function gate<T = void>(): { readonly promise: Promise<T>; open(value: T): void } {
  const { promise, resolve } = Promise.withResolvers<T>();
  return { promise, open: resolve };
}
