import type { FastifyInstance } from "fastify";
import { type App, app, type Logger, type Service, type Transport } from "warren";
import { market } from "./market/contract.ts";
import { notifications } from "./notifications/contract.ts";
import type { Part } from "./part.ts";

/** Every service of the system, by name: a service is added here and nowhere else. A process loads only those it runs. */
const parts: Readonly<Record<string, Part>> = {
  market: {
    contract: market,
    open: async (dataDir) => (await import("./market/open.ts")).openMarket(dataDir),
  },
  notifications: {
    contract: notifications,
    open: async (dataDir) => (await import("./notifications/open.ts")).openNotifications(dataDir),
  },
};

/** What `--only` may name. */
export const partNames: readonly string[] = [...Object.keys(parts), "gateway"];

export interface CompositionOptions {
  /** Which of `partNames` share this process. */
  readonly names: readonly string[];
  readonly transport: Transport;
  readonly dataDir: string;
  /** What the gateway signs and checks tokens with. */
  readonly secret: string;
  readonly log: Logger;
}

/** One process of the system. */
export interface Composition {
  readonly app: App;
  /** Where the gateway is part of this process. Let it listen once `start` is done. */
  readonly server: FastifyInstance | undefined;
  /** Starts the services. @throws Fault UNAVAILABLE when no broker answers in time */
  start(): Promise<void>;
  /** Lets requests, calls and events under way end, then closes everything. Idempotent, also before `start`. */
  stop(): Promise<void>;
}

/** Puts the named parts together. Which parts share a process changes nothing in them. */
export async function compose(options: CompositionOptions): Promise<Composition> {
  const { names, transport, dataDir, secret, log } = options;
  const hasGateway = names.includes("gateway");
  // Whatever is opened is closed in reverse: first the door, last the data. Also when opening something else fails.
  await using opened = new AsyncDisposableStack();
  const services: Service[] = [];
  for (const name of names.filter((known) => known !== "gateway")) {
    const { service, close } = await parts[name]!.open(dataDir);
    opened.defer(close);
    services.push(service);
  }
  // A gateway knows all contracts, whichever process runs the services.
  const contracts = hasGateway ? Object.values(parts).map((part) => part.contract) : [];
  const system = opened.use(app({ transport, services, contracts, log }));
  let server: FastifyInstance | undefined;
  if (hasGateway) {
    const gateway = await (await import("./gateway/open.ts")).openGateway(system, dataDir, secret);
    opened.defer(gateway.close);
    server = gateway.server;
  }
  const all = opened.move();
  return { app: system, server, start: () => system.start(), stop: () => all.disposeAsync() };
}
