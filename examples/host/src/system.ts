import type { FastifyInstance } from "fastify";
import type { AnyContract, App, Saga, Service } from "warren";
import type { AuthOptions, PushRule } from "warren/gateway";
import type { Settings, Variable } from "./settings.ts";

/** A service with its data open, and the sagas that run where it runs. */
export interface OpenPart {
  readonly service: Service;
  readonly sagas?: readonly Saga[];
  /** Closes what the app does not: stores of services are closed by it. */
  readonly close?: () => Promise<void>;
}

/** A service of a system: what everybody may know of it, and how to open it. */
export interface Part {
  readonly contract: AnyContract;
  readonly open: () => Promise<OpenPart>;
}

/** What a system puts at the edge besides the routes of its contracts. */
export interface Edge {
  /** How callers prove who they are. One system behind a gateway says so, for all. */
  readonly auth?: AuthOptions;
  readonly push?: readonly PushRule[];
  /** Routes written by hand. */
  readonly addRoutes?: (server: FastifyInstance) => void;
  readonly close?: () => Promise<void>;
}

/** Where a reader can try something. */
export interface HintsAt {
  readonly url: string;
  readonly app: App;
  /** What starts it: `npm start -w examples/orders`. */
  readonly command: string;
  /** Whether anybody may read it, so that nothing secret belongs in it. */
  readonly isPublic: boolean;
}

/** An application that can share a process and a gateway with others. Nothing is opened before it is asked for. */
export interface System {
  /** For people: "Orders". */
  readonly title: string;
  /** Its services, by name. A process loads only those it runs. */
  readonly parts: Readonly<Record<string, Part>>;
  /** Asked for where a gateway runs. */
  readonly edge?: () => Promise<Edge>;
  /** Where the embedded broker keeps what waits, if that belongs to some of the data only. @default the folder of all data */
  readonly journalDir?: string;
  /** What a reader can try, ready to be copied: commands for a shell, each below what it does. */
  readonly hints: (at: HintsAt) => string | Promise<string>;
}

/** A system as it is started from a command line. */
export interface Example {
  /** What `--as` may say; the first unless it is said. @default it cannot be said */
  readonly ways?: readonly string[];
  /** Which settings matter to it, besides those that matter to all. */
  readonly variables?: readonly Variable[];
  readonly system: (settings: Settings) => System;
}
