import type { FastifyInstance } from "fastify";
import { type AnyContract, type App, app, type Logger, type Service, type Transport } from "warren";
import { openAccounts } from "./accounts/accounts.ts";
import { passwords } from "./accounts/passwords.ts";
import { marketGateway } from "./gateway/gateway.ts";
import { market } from "./market/contract.ts";
import { openItems } from "./market/items.ts";
import { marketService } from "./market/service.ts";
import { notifications } from "./notifications/contract.ts";
import { openNotices } from "./notifications/notices.ts";
import { notificationsService } from "./notifications/service.ts";

/** A service of the system: what everybody may know of it, and how to open it with its data. */
interface Part {
  readonly contract: AnyContract;
  readonly open: (dataDir: string) => Promise<Opened>;
}

interface Opened {
  readonly service: Service;
  readonly close: () => Promise<void>;
}

/** Every service of the system, by name. A service is added here, and nowhere else. */
const parts: Readonly<Record<string, Part>> = {
  market: {
    contract: market,
    async open(dataDir) {
      const items = await openItems(dataDir);
      return { service: marketService(items), close: items.close };
    },
  },
  notifications: {
    contract: notifications,
    async open(dataDir) {
      const notices = openNotices(dataDir);
      return { service: notificationsService(notices), close: notices.close };
    },
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
  /** Where the gateway is part of this process. */
  readonly server: FastifyInstance | undefined;
  /** Starts the services; it is for the caller to let the server listen afterwards. */
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
  const server = hasGateway ? await openGateway() : undefined;
  const all = opened.move();
  return { app: system, server, start: () => system.start(), stop: () => all.disposeAsync() };

  async function openGateway(): Promise<FastifyInstance> {
    const accounts = openAccounts(dataDir, passwords());
    opened.defer(accounts.close);
    const gateway = await marketGateway(system, accounts, secret);
    opened.defer(() => gateway.close());
    return gateway;
  }
}
