import type { Nodes } from "../nodes/index.ts";
import type { Scenario } from "./scenario.ts";

export interface RunOptions {
  readonly scenario: Scenario;
  /** Of this run alone: part of every name on the broker. */
  readonly run: string;
  /** The histories are written here. */
  readonly folder: string;
  /** Of the broker's nodes. */
  readonly urls: readonly string[];
  /** Hands on the broker, where it is the suite's own; the run then gets a virtual host of its own. */
  readonly nodes: Nodes | undefined;
  readonly seed: number;
  readonly seconds: number;
  /** How long the drain may make no progress. */
  readonly patienceMs: number;
  /** Of Node, before the program's own, and what the processes find in their environment: how a mutant gets in. */
  readonly nodeArguments: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
}
