import type { TcpProxy } from "warren/testing";
import type { Journal } from "../history/journal.ts";
import type { Nodes } from "../nodes/index.ts";
import type { Place } from "../processes/supervisor.ts";
import type { Admin } from "./admin.ts";

/** What a fault can lay hands on. */
export interface World {
  readonly run: string;
  /** The queue that the workers get their events from. */
  readonly eventsQueue: string;
  readonly history: Journal;
  readonly publishers: readonly Place[];
  readonly workers: readonly Place[];
  readonly admin: Admin;
  /** In front of each node, where the scenario asks for them. */
  readonly proxies: readonly TcpProxy[];
  /** The broker itself. @throws Error where it is not this run's own */
  readonly nodes: Nodes;
  /** The virtual host of this run. */
  readonly vhost: string;
  /** Sends the dead letters back to where they failed, by Warren's own means. */
  replay(): Promise<void>;
  /**
   * Stops publishing until everything has come to rest: what is confirmed inside a queue that somebody deletes is gone
   * by their will, and no loss. @returns what lets it go on
   */
  quiesce(): Promise<() => void>;
}
