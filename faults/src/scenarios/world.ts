import type { TcpProxy } from "warren/testing";
import type { Journal } from "../history/journal.ts";
import type { Place } from "../processes/supervisor.ts";
import type { Admin } from "./admin.ts";
import type { Nodes } from "./nodes.ts";

/** What a fault can lay hands on. */
export interface World {
  readonly run: string;
  readonly history: Journal;
  readonly publishers: readonly Place[];
  readonly workers: readonly Place[];
  readonly admin: Admin;
  /** In front of each node, where the scenario asks for them. */
  readonly proxies: readonly TcpProxy[];
  /** The broker itself, where this run may lay hands on it. */
  readonly nodes: Nodes | undefined;
  /** Stops publishing for a while: what is confirmed inside a queue that somebody deletes is gone by their will. */
  quiesce(): Promise<() => void>;
}
