import type { DirectoryObserver } from "../directory/observer.ts";
import type { Incoming } from "../message.ts";
import type { Caller } from "../rpc/caller.ts";
import type { Operation } from "../service/context.ts";
import type { Trail } from "../trail.ts";
import type { Transport } from "../transport.ts";
import type { Observed } from "./gauges.ts";
import type { HttpTelemetry } from "./http.ts";

/**
 * What the features tell telemetry. They are given none where nothing listens, and then do exactly what they did without:
 * nothing is wrapped, made or asked per message.
 */
export interface Probe {
  /** For one kind of work: all that can be made once and not per message. */
  seam(of: SeamOptions): Seam;
  /** The same calls, each followed from its beginning to its answer. */
  calls(caller: Caller): Caller;
  /** The same publishing of events, each followed until the broker has it. */
  publishing(transport: Transport): Pick<Transport, "publish">;
  /** The trail as the code that runs now hands it on: what is traced there is what causes the next message. */
  readonly trail: (trail: Trail) => Trail;
  /** For what answers requests of clients outside. */
  readonly http: HttpTelemetry;
  /**
   * Begins to observe what an app is made of, whenever metrics are collected.
   * @returns ends it
   */
  observe(observed: Observed): () => void;
  /** For the directory's messages. @param service whose process says what it is; none for who keeps the list */
  directory(service?: string): DirectoryObserver | undefined;
  /** Something failed, and is tried again. */
  retried(service: string, operation: string): void;
  /** A message was given up. */
  buried(service: string, reason: string): void;
}

/** What an edge needs of it. */
export type EdgeTelemetry = Pick<Probe, "http">;

export interface SeamOptions {
  readonly operation: Operation;
  /** Where its messages come from; none where no message brings it, as with a schedule. */
  readonly queue?: string;
  /** It undoes what the operation did. */
  readonly isUndo?: boolean;
  /** The codes of the faults that are answers, as the contract says. */
  readonly declared?: readonly string[];
}

/** Where work of one kind is followed. */
export interface Seam {
  /**
   * @param causes the `traceparent`s of what also led to it, as far as they are known
   * @returns the message to go on with, which has its `work`
   */
  begin(message: Incoming, causes?: readonly (string | null | undefined)[]): Incoming;
}
