import type { FastifyInstance } from "fastify";
import { type App, app, type Clock, type Logger, systemClock, type Transport } from "warren";
import type { As } from "./as.ts";
import { inventory } from "./inventory/contract.ts";
import { letters } from "./letters/contract.ts";
import { orders } from "./orders/contract.ts";
import type { OpenPart, Part } from "./part.ts";
import type { Partners } from "./partner.ts";
import { shipping } from "./shipping/contract.ts";
import { stock } from "./stock/contract.ts";
import type { Place } from "./store/open.ts";

/** Every service of the system, by name. A process loads only those it runs. */
const parts: Readonly<Record<string, Part>> = {
  orders: {
    contract: orders,
    open: async (options) => (await import("./orders/open.ts")).openOrders(options),
  },
  inventory: {
    contract: inventory,
    open: async (options) => (await import("./inventory/open.ts")).openInventory(options),
  },
  stock: {
    contract: stock,
    open: async (options) => (await import("./stock/open.ts")).openStock(options),
  },
  shipping: {
    contract: shipping,
    open: async (options) => (await import("./shipping/open.ts")).openShipping(options),
  },
  letters: {
    contract: letters,
    open: async (options) => (await import("./letters/open.ts")).openLetters(options),
  },
};

/** What `--only` may name. */
export const partNames: readonly string[] = [...Object.keys(parts), "gateway"];

export interface CompositionOptions {
  readonly as: As;
  /** Which of `partNames` share this process. */
  readonly names: readonly string[];
  readonly transport: Transport;
  readonly place: Place;
  readonly partners: Partners;
  readonly log: Logger;
  readonly clock?: Clock;
}

/** One process of the system. */
export interface Composition {
  readonly app: App;
  /** Where the gateway is part of this process. Let it listen once the app has started. */
  readonly server: FastifyInstance | undefined;
}

/** Puts the named parts together. Which parts share a process changes nothing in them. */
export async function compose(options: CompositionOptions): Promise<Composition> {
  const { names, transport, log, clock = systemClock } = options;
  const hasGateway = names.includes("gateway");
  const opened: OpenPart[] = [];
  for (const name of names.filter((known) => known !== "gateway"))
    opened.push(await parts[name]!.open(options));
  // A gateway knows all contracts, whichever process runs the services.
  const contracts = hasGateway ? Object.values(parts).map((part) => part.contract) : [];
  const system = app({
    transport,
    services: opened.map(({ service }) => service),
    sagas: opened.flatMap(({ sagas = [] }) => sagas),
    contracts,
    log,
    clock,
  });
  const server = hasGateway ? await (await import("./gateway/gateway.ts")).ordersGateway(system) : undefined;
  return { app: system, server };
}
