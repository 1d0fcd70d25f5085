import type { FastifyInstance } from "fastify";
import {
  type App,
  app,
  type Clock,
  type Logger,
  type Saga,
  type Service,
  systemClock,
  type Transport,
} from "warren";
import { gatewayName, partsOf } from "./parts.ts";
import type { System } from "./system.ts";
import { version } from "./version.ts";

export interface CompositionOptions {
  readonly systems: readonly System[];
  /** Which of `partNamesOf(systems)` share this process. */
  readonly names: readonly string[];
  readonly transport: Transport;
  readonly log: Logger;
  readonly clock?: Clock;
}

/** One process of one or several systems. */
export interface Composition {
  readonly app: App;
  /** Where the gateway is part of this process. Let it listen once `start` is done. */
  readonly server: FastifyInstance | undefined;
  /** Starts the services. @throws Fault UNAVAILABLE when no broker answers in time */
  start(): Promise<void>;
  /** Lets requests, calls and events under way end, then closes everything. Idempotent, also before `start`. */
  stop(): Promise<void>;
}

/**
 * Puts the named parts together. Which parts share a process, and which systems, changes nothing in them.
 * @throws TypeError where two systems have a part or a route in common, or one part cannot be opened
 */
export async function compose(options: CompositionOptions): Promise<Composition> {
  const { systems, names, transport, log, clock = systemClock } = options;
  const parts = partsOf(systems);
  const hasGateway = names.includes(gatewayName);
  // Whatever is opened is closed in reverse: first the door, last the data. Also when opening something else fails.
  await using opened = new AsyncDisposableStack();
  const [services, sagas]: [Service[], Saga[]] = [[], []];
  for (const name of names.filter((known) => known !== gatewayName)) {
    const part = await parts.get(name)!.open();
    if (part.close !== undefined) opened.defer(part.close);
    services.push(part.service);
    sagas.push(...(part.sagas ?? []));
  }
  // A gateway knows all contracts, whichever process runs the services.
  const contracts = hasGateway ? [...parts.values()].map(({ contract }) => contract) : [];
  const system = opened.use(app({ transport, services, sagas, contracts, version, log, clock }));
  let server: FastifyInstance | undefined;
  if (hasGateway) {
    // Loaded here, so that a process without a gateway needs none of its packages.
    const { openGateway } = await import("./gateway.ts");
    const gateway = await openGateway(system, systems);
    opened.defer(gateway.close);
    server = gateway.server;
  }
  const all = opened.move();
  return { app: system, server, start: () => system.start(), stop: () => all.disposeAsync() };
}
