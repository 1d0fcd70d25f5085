import { systemClock } from "../time.ts";
import type { Transport } from "../transport.ts";
import type { Peer } from "./core.ts";
import { type BrokerOptions, Core } from "./core.ts";
import { sqliteJournal } from "./sqlite.ts";

/** A broker inside this process. Each `embedded({ broker })` on it is one connection. */
export interface Broker {
  /**
   * Breaks the transport's connection, as a network does: what it had not settled is delivered again elsewhere, its own
   * queues and reply addresses are gone. It comes back by itself after `downMs` milliseconds.
   * @throws Error when the transport is on another broker
   */
  cut(transport: Transport, options?: CutOptions): void;
  /**
   * Writes what is left and gives the journal free for other processes. Idempotent. Close the transports first: what is
   * published or declared later fails as STOPPED. Without a journal there is nothing to do, and nothing changes.
   */
  close(): void;
}

export interface CutOptions {
  /** How long it stays away, in milliseconds of the broker's clock. @default until after the work at hand */
  readonly downMs?: number | undefined;
}

/**
 * A broker that several transports can share: two apps in one process that talk to each other.
 * @throws Error naming the journal: another process has it, it is damaged, a newer Warren wrote it
 */
export function embeddedBroker(options: BrokerOptions = {}): Broker {
  return brokerOn(opened(options));
}

export function brokerOn(core: Core): Broker {
  const peers = new WeakMap<Transport, Peer>();
  const broker: Broker = {
    cut(transport, cutting = {}) {
      const peer = peers.get(transport);
      if (peer === undefined) throw new Error("Cannot cut a transport that is not connected to this broker.");
      peer.lose(cutting.downMs);
    },
    close: () => core.close(),
  };
  insides.set(broker, { core, peers });
  return broker;
}

function opened(options: BrokerOptions): Core {
  const { dataDir, clock = systemClock } = options;
  if (dataDir === undefined) return new Core(options);
  const journal = sqliteJournal(dataDir, clock);
  try {
    return new Core(options, journal);
  } catch (error) {
    journal.close();
    throw error;
  }
}

export interface Inside {
  readonly core: Core;
  readonly peers: WeakMap<Transport, Peer>;
}

/** What a transport needs of a broker and its users do not. */
export function inside(broker: Broker): Inside {
  const found = insides.get(broker);
  if (found === undefined) throw new Error("`broker` was not made by `embeddedBroker()`.");
  return found;
}

const insides = new WeakMap<Broker, Inside>();
